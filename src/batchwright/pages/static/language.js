// Texts in the language of the page: each room has one table, `{en: {key: text}, zh: {key: text}}`.

export const language = document.documentElement.lang === "zh" ? "zh" : "en";

/** What gives the text of a key from a table; `{name}` in a text is replaced by what is given. */
export function speaker(texts) {
  return (key, given = {}) => {
    const found = texts[language]?.[key] ?? texts.en[key] ?? key;
    return found.replace(/\{(\w+)\}/g, (whole, name) => (name in given ? String(given[name]) : whole));
  };
}

/** The address of this page in the other language. */
export function otherLanguage() {
  const address = new URL(location.href);
  address.searchParams.set("lang", language === "zh" ? "en" : "zh");
  return address.pathname + address.search;
}
