// A run of one's own: made by the server in a process of its own; the figures are those of the command.

import { el, fill } from "/static/pages/dom.js";
import { speaker } from "/static/pages/language.js";
import { Settings, copies, say } from "./panel.js";
import { figureOf, question } from "./source.js";

const s = speaker({
  en: {
    title: "Your own run",
    look: "Look for: the way leads down a bent valley; where true and projected loss differ, the plane misleads. Curvature that stays just below what the rate bears is the edge of stability.",
    ask: "Try: with random directions, how much of the way does the plane explain? Train once more with a larger rate: does the curvature at the end become smaller?",
    directions: "The plane holds", path: "the two directions in which the run moved most", random: "two random directions, as long as the network's filters",
    making: "The run {run} is trained again from its record, and looked at. That takes as long as it took, and some seconds; this page waits.",
    failed: "The run {run} cannot be looked at: {reason}",
    surface: "The loss around the run", loss: "True loss, and loss in the plane", sharpness: "Curvature along the run", gradients: "Gradients of batches, in the middle of the run", time: "Time to a loss, by batch size",
    surface_help: "The ring is the start, the dot the end. Darker is higher.", loss_help: "Both are means over the same training rows.",
    sharpness_help: "Plain descent does not settle where the curvature is above 2/η; with momentum the limit is higher.",
    gradients_help: "Smaller batches scatter more, by 1/√B. The noise scale is the batch size at which noise and gradient are of one size.",
    time_help: "Predicted from the noise scale and the clock of this machine, as find-batch-size does.",
  },
  zh: {
    title: "你自己的训练",
    look: "注意：路径沿着弯曲的山谷下降；真实损失与投影后的损失不同之处，平面会误导人。曲率停在学习率所能承受的上限之下，就是所谓稳定边缘。",
    ask: "试一试：换成随机方向，平面能解释路径的多少？再用更大的学习率训练一次：最后的曲率变小了吗？",
    directions: "平面由什么组成", path: "路径变化最大的两个方向", random: "两个随机方向，长度与网络的滤波器相同",
    making: "正在按记录重新训练 {run} 并加以分析。所需时间与原来的训练相同，再加几秒；本页会等待。",
    failed: "无法查看 {run}：{reason}",
    surface: "训练路径周围的损失", loss: "真实损失与平面上的损失", sharpness: "训练过程中的曲率", gradients: "训练中途各批的梯度", time: "不同批量达到同一损失所需的时间",
    surface_help: "圆环是起点，圆点是终点；颜色越深，损失越高。", loss_help: "两者都是同一批训练数据的平均。",
    sharpness_help: "曲率超过 2/η 时，普通下降不会停稳；有动量时上限更高。",
    gradients_help: "批量越小越分散，按 1/√B 变化。噪声尺度是噪声与梯度一样大时的批量。",
    time_help: "由噪声尺度和本机的计时预测，与 find-batch-size 相同。",
  },
});
const AGAIN = 1000; // milliseconds between two questions while it is being made

/** Fill `host` with the scene; `warn` says what is the matter. */
export function showRun(host, warn) {
  let timer = null;
  const settings = new Settings("run", { directions: "path" }, () => renew());
  const directions = settings.choice("directions", s("directions"), ["path", "random"].map((name) => [name, s(name)]));
  const status = el("p", { role: "status" });
  const words = el("div", { class: "words" });
  const figures = el("div", { class: "charts" });
  const copy = copies();
  fill(host, el("h1", {}, s("title")), el("p", {}, s("look")), el("p", { class: "ask" }, s("ask")), directions.node, status, words, figures, copy.node);
  renew();

  async function renew() {
    clearTimeout(timer);
    const asked = settings.get("directions");
    let found;
    try {
      found = await question("look", "run", settings.texts);
    } catch (error) {
      copy.node.hidden = true;
      return warn(error.message);
    }
    if (asked !== settings.get("directions")) return;
    warn(found.state === "failed" ? s("failed", found) : "");
    status.textContent = found.state === "making" ? s("making", found) : "";
    copy.node.hidden = false;
    copy.show(found);
    say(words, found.sentences ?? []);
    fill(figures, (found.figures ?? []).map((name) => el(
      "figure",
      {},
      el("h2", {}, s(name)),
      el("img", { class: "chart", src: figureOf("run", { directions: asked }, name), alt: s(name) }),
      el("figcaption", {}, s(`${name}_help`)),
    )));
    if (found.state === "making") timer = setTimeout(renew, AGAIN);
  }
}
