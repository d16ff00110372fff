"""The style of a report's page, light, dark and on paper, and its script, which sorts tables and picks their rows."""

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b232c;--soft:#55616e;--line:#d5dae0;--shade:#f4f6f8;--link:#00578a;
--right:#0072b2;--wrong:#d55e00;--warn:#8a3c00}
@media (prefers-color-scheme:dark){:root{--paper:#14191f;--ink:#e9edf1;--soft:#a4afbb;--line:#39434e;--shade:#1c232b;
--link:#7cc4f2;--right:#56b4e9;--wrong:#f28e4b;--warn:#f2b27c}}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
body{margin:0 auto;max-width:82rem;padding:1.5rem clamp(.25rem,3vw,2.5rem) 4rem;background:var(--paper);
color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif;
overflow-wrap:anywhere}
h1{font-size:clamp(1.1rem,3vw,1.7rem);line-height:1.25;margin:0 0 .25rem;font-weight:650}
h2{font-size:1.25rem;margin:2.75rem 0 .75rem;padding-top:.75rem;border-top:1px solid var(--line);font-weight:650}
h3{font-size:1rem;margin:1.75rem 0 .25rem;font-weight:600;max-width:46rem}
header p{color:var(--soft);margin:.25rem 0 1rem}
p,ul{max-width:46rem;margin:.5rem 0 1rem}
ul{padding-left:1.25rem}
p.strong{border-left:3px solid var(--warn);padding-left:.75rem}
a{color:var(--link)}
a:focus-visible,[tabindex]:focus-visible,button:focus-visible,input:focus-visible{
outline:2px solid var(--link);outline-offset:2px}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;padding:0;margin:0;max-width:none;font-size:.92rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr));gap:1.25rem 1.75rem;
margin:1rem 0;align-items:start}
figure{margin:0;min-width:0;max-width:37rem}
figure.whole{max-width:62rem;grid-column:1/-1}
figure svg{display:block;width:100%;height:auto}
figcaption{color:var(--soft);font-size:.88rem;margin-top:.25rem}
.wide{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;margin:.25rem 0 1.25rem;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{padding:.28rem .8rem .28rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);
overflow-wrap:normal;max-width:26rem}
th{font-weight:500}
thead th,thead td{color:var(--soft);border-bottom-color:var(--soft);vertical-align:bottom;font-weight:500}
tbody th{overflow-wrap:break-word;min-width:6.5rem}
.number{text-align:right;white-space:nowrap}
td img{display:block;width:56px;height:auto;image-rendering:pixelated;background:#808080}
th[scope=rowgroup]{font-weight:600;padding-top:1rem}
tbody:target th[scope=rowgroup]{color:var(--link)}
tbody:target{background:var(--shade)}
th button{font:inherit;color:inherit;background:none;border:0;padding:0;margin:0;cursor:pointer;text-align:inherit}
th button::after{content:"\\2195";opacity:.55;margin-left:.3em;font-size:.85em}
th[aria-sort=ascending] button::after{content:"\\2191";opacity:1}
th[aria-sort=descending] button::after{content:"\\2193";opacity:1}
.filter{display:block;color:var(--soft);font-size:.92rem;margin:.25rem 0 .5rem}
.filter input{font:inherit;color:var(--ink);background:var(--paper);border:1px solid var(--soft);border-radius:3px;
padding:.15rem .4rem;width:min(16rem,60%)}
.confusion th,.confusion td{border:1px solid var(--paper);padding:.3rem .55rem;max-width:9rem}
.confusion thead th{text-align:right}
.gallery{display:flex;flex-wrap:wrap;gap:3px}
.gallery img{width:44px}
.confusion a{color:inherit}
.confusion .corner{color:var(--soft);white-space:nowrap}
.right{--hue:var(--right)}.wrong{--hue:var(--wrong)}
.h0{background:var(--shade)}
.h1,.h2{background:color-mix(in srgb,var(--hue) 10%,var(--paper))}
.h3,.h4{background:color-mix(in srgb,var(--hue) 20%,var(--paper))}
.h5,.h6{background:color-mix(in srgb,var(--hue) 28%,var(--paper))}
.h7,.h8{background:color-mix(in srgb,var(--hue) 36%,var(--paper))}
.h9,.h10{background:color-mix(in srgb,var(--hue) 44%,var(--paper))}
dl{margin:.5rem 0 1rem;max-width:60rem}
dl div{display:grid;grid-template-columns:minmax(5rem,11rem) 1fr;gap:.1rem 1rem;padding:.28rem 0;
border-bottom:1px solid var(--line)}
dt{color:var(--soft)}
dd{margin:0}
pre{background:var(--shade);padding:.75rem 1rem;overflow-x:auto;font-size:.88rem;
font-family:ui-monospace,"DejaVu Sans Mono",monospace}
@media (min-width:201px) and (max-width:640px){figure svg{min-width:22rem}figure.whole svg{min-width:40rem}
dl div{grid-template-columns:1fr}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#444;--line:#bbb;--shade:#f4f6f8;--link:#000;
--right:#0072b2;--wrong:#d55e00;--warn:#8a3c00}
body{max-width:none;padding:0;font-size:9.5pt}nav,.filter{display:none}h2,h3,section>p{break-after:avoid}h2{margin-top:1.5rem}
figure,tr{break-inside:avoid}.wide{overflow:visible}a{text-decoration:none}th button::after{content:""}
.charts{grid-template-columns:1fr 1fr}*{print-color-adjust:exact}thead{display:table-header-group}}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
""".strip()

SCRIPT = """
const all=(of,what)=>[...of.querySelectorAll(what)];
for(const table of all(document,"table.sortable")){
const heads=[...table.tHead.rows[0].cells],body=table.tBodies[0],first=[...body.rows];
heads.forEach((head,place)=>{
const button=document.createElement("button");button.type="button";button.append(...head.childNodes);
head.append(button);
button.addEventListener("click",()=>{
const order=head.getAttribute("aria-sort"),next=order==="descending"?"ascending":order==="ascending"?"":"descending";
heads.forEach(other=>other.removeAttribute("aria-sort"));
if(!next){body.append(...first);return}
head.setAttribute("aria-sort",next);
const sign=next==="ascending"?1:-1,key=row=>{const cell=row.cells[place];
return cell.dataset.value===undefined?cell.textContent:Number(cell.dataset.value)};
body.append(...[...first].sort((a,b)=>{const x=key(a),y=key(b);
if(x===""||y==="")return (x==="")-(y==="");
return sign*(typeof x==="number"&&typeof y==="number"?x-y:String(x).localeCompare(String(y)))}))})})}
for(const table of all(document,"table.sortable,table.grouped")){
const bodies=[...table.tBodies];
const rows=bodies.flatMap(body=>[...body.rows]).filter(row=>!row.querySelector("[scope=rowgroup]"));
if(rows.length<=12)continue;
const label=document.createElement("label"),input=document.createElement("input"),told=document.createElement("span");
label.className="filter";input.type="search";told.setAttribute("role","status");
input.setAttribute("aria-label","Show only rows with these words: "+table.getAttribute("aria-label"));
label.append("Only rows with ",input,told);table.parentNode.before(label);
input.addEventListener("input",()=>{
const words=input.value.trim().toLowerCase();
rows.forEach(row=>{row.hidden=!row.textContent.toLowerCase().includes(words)});
bodies.forEach(body=>{const title=body.querySelector("[scope=rowgroup]");
if(title)title.parentNode.hidden=[...body.rows].every(row=>row===title.parentNode||row.hidden)});
told.textContent=words?` ${rows.filter(row=>!row.hidden).length} of ${rows.length} rows`:""})}
addEventListener("hashchange",()=>{all(document,".filter input").forEach(input=>{
if(input.value){input.value="";input.dispatchEvent(new Event("input"))}})
const place=document.getElementById(location.hash.slice(1));if(place)place.scrollIntoView()});
""".strip()
