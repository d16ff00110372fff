// The words of the small network in each language.

import { speaker } from "/static/pages/language.js";

const texts = {
  en: {
    title: "A small network",
    look: "Look for: each unit of the first layer divides the picture by one soft line; later layers put these together. The batch under work has a ring.",
    ask: "Try: how few units tell the spirals apart? And with 4 units on the moons: what does a batch of one row do to the loss that all rows do not?",
    data: "Points", table: "your table: {name}", inputs_1: "Across", inputs_2: "Up", none: "(none: a curve)", target: "What is predicted", noise: "Noise",
    layers: "Units of the hidden layers", layer: "layer {n}", fewer: "fewer units in layer {n}", more: "more units in layer {n}", add_layer: "Add a layer", remove_layer: "Remove the last layer",
    activation: "Activation", batch_normalization: "Batch normalization", on: "on", off: "off", dropout: "Dropout",
    rule: "Update rule", learning_rate: "Learning rate η", batch_size: "Rows of a batch", full: "all", seed: "Other first weights", points_seed: "Other points",
    play: "Play", pause: "Pause", step: "One iteration", next: "Next frame", epoch: "One epoch", reset: "Back to the start", clear: "Forget all settings", speed: "Iterations of a frame",
    network_chart: "The network: what each unit gives, weights as lines", answer_chart: "What the network answers", unit_chart: "What {unit} gives", loss_chart: "The loss by iteration",
    show: "Show", answer: "the answer", unit: "layer {layer}, unit {unit}", train: "training rows", validation: "validation rows", batch: "batch", iteration: "iteration",
    stand: "Iteration {iteration}, epoch {epoch} ({each} iterations of {size} rows each make an epoch).", busy: "The program for this network is being made; that takes a moment.",
    rate: "{frames} frames a second, {iterations} iterations each.", diverged: "The loss is no longer a finite number, so that nothing is updated any more. Go back to the start with a smaller learning rate.",
    loss: "loss", measured: "Of all rows", numbers: "The next iteration in numbers", row: "Row of the batch", weights_of: "{from} → {to}", legend: "filled: training rows; hollow: validation rows; with a ring: the batch of the next iteration",
    weight_lines: "Lines: weights, orange above 0 and blue below, thicker for larger.", rows_by: "batch normalization and dropout act as in training here",
    spread_chart: "What the hidden layers give, for all training rows", spread: "layer {n}: how often", output: "output of a unit", no_spread: "There is no hidden layer.",
    spread_help: "Look for: tanh units that give only −1 or 1 have stopped learning, as their slope is near 0; relu units that only give 0 have, too.",
    two: "Across and up are the same column: choose another for one of them.",
  },
  zh: {
    title: "小网络",
    look: "注意：第一层的每个单元用一条柔和的直线把画面分成两半；后面的层把它们组合起来。正在处理的这一批带有圆环。",
    ask: "试一试：最少用几个单元能分开螺旋？用 4 个单元学习月牙时，每批一行与每批全部数据相比，损失有什么不同？",
    data: "数据点", table: "你的表格：{name}", inputs_1: "横轴", inputs_2: "纵轴", none: "（无：画曲线）", target: "预测什么", noise: "噪声",
    layers: "隐藏层的单元数", layer: "第 {n} 层", fewer: "减少第 {n} 层的单元", more: "增加第 {n} 层的单元", add_layer: "加一层", remove_layer: "去掉最后一层",
    activation: "激活函数", batch_normalization: "批归一化", on: "开", off: "关", dropout: "随机失活",
    rule: "更新规则", learning_rate: "学习率 η", batch_size: "每批数据", full: "全部", seed: "换一组初始权重", points_seed: "换一组点",
    play: "播放", pause: "暂停", step: "一次迭代", next: "下一帧", epoch: "一个周期", reset: "回到起点", clear: "清除全部设置", speed: "每帧迭代次数",
    network_chart: "网络：每个单元的输出，线表示权重", answer_chart: "网络的回答", unit_chart: "{unit} 的输出", loss_chart: "每次迭代的损失",
    show: "显示", answer: "回答", unit: "第 {layer} 层第 {unit} 个单元", train: "训练数据", validation: "验证数据", batch: "批", iteration: "迭代",
    stand: "第 {iteration} 次迭代，第 {epoch} 个周期（{each} 次迭代、每次 {size} 行为一个周期）。", busy: "正在为这个网络编译程序，请稍等。",
    rate: "每秒 {frames} 帧，每帧 {iterations} 次迭代。", diverged: "损失已不是有限的数，不再更新。请用更小的学习率回到起点。",
    loss: "损失", measured: "全部数据", numbers: "下一次迭代的全部数字", row: "批中的行", weights_of: "{from} → {to}", legend: "实心：训练数据；空心：验证数据；带环：下一次迭代的一批",
    weight_lines: "线：权重，大于 0 为橙色，小于 0 为蓝色，越大越粗。", rows_by: "这里的批归一化和随机失活与训练时相同",
    spread_chart: "隐藏层对全部训练数据的输出", spread: "第 {n} 层：次数", output: "单元的输出", no_spread: "没有隐藏层。",
    spread_help: "注意：只给出 −1 或 1 的 tanh 单元已经停止学习，因为那里的斜率接近 0；只给出 0 的 relu 单元也一样。",
    two: "横轴和纵轴是同一列：请换一列。",
  },
};

export const n = speaker(texts);
