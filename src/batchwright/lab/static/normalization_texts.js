// The words of batch normalization in each language.

import { speaker } from "/static/pages/language.js";

export const b = speaker({
  en: {
    look: "Look for: without batch normalization, what sigmoid units get varies less from layer to layer, until the last ones give the same for every row. With it, each layer gets values around 0 with a deviation near 1.",
    ask: "Try: with which batch size do training and evaluation differ clearly? What happens with batches of one row, and why? With relu or tanh, does the network still gain from it?",
    why: "In training, m and v are those of the batch, so that what a row gives depends on the rows beside it: that is noise of the size 1/√B. In evaluation they are running averages, which lag behind weights that still move. In small batches, and while weights move fast, the two differ, and what was trained is not what is evaluated; a batch of one row has v = 0.",
    layer_chart: "What the activation of each layer gets", layer_help: "Dots: the mean over all training rows. Bars: one deviation to each side. After the last iteration, in evaluation mode.",
    loss_chart: "The training loss by iteration", loss_help: "Of all training rows, in evaluation mode.",
    size_chart: "The loss by batch size", size_help: "Each dot is a training of its own. The dotted line has the weights of the solid one, but the statistics of their batches, as in training.",
    compare: "Train with each batch size", comparing: "Training with batches of {size} …", with: "with", without: "without", batch: "with, by batch statistics",
    data: "Points", layers: "Hidden layers of 8 units", activation: "Activation", batch_size: "Rows of a batch", full: "all", steps: "Iterations", learning_rate: "Learning rate η",
    points: "Other points", seed: "Other first weights", reset: "Begin again", layer: "hidden layer", iteration: "iteration", loss: "loss", input: "input",
  },
  zh: {
    look: "注意：没有批归一化时，sigmoid 单元的输入一层比一层变化小，直到最后几层对每一行都给出相同的值。有批归一化时，每一层的输入都在 0 附近，标准差接近 1。",
    ask: "试一试：批量多大时，训练与评估明显不同？每批一行时会怎样，为什么？用 relu 或 tanh 时，批归一化还有好处吗？",
    why: "训练时 m 和 v 是这一批的，所以一行的输出取决于同批的其他行：这是大小为 1/√B 的噪声。评估时它们是滑动平均，落后于仍在变化的权重。批量小时，或权重变化快时，两者不同，训练的和评估的就不是一回事；一行的批 v = 0。",
    layer_chart: "每一层激活函数的输入", layer_help: "点：全部训练数据的平均值。竖线：上下各一个标准差。最后一次迭代之后，评估模式。",
    loss_chart: "每次迭代的训练损失", loss_help: "全部训练数据，评估模式。",
    size_chart: "不同批量的损失", size_help: "每个点都是一次单独的训练。点线与实线权重相同，但像训练时那样用各批的统计量。",
    compare: "用每种批量训练", comparing: "正在用批量 {size} 训练……", with: "有", without: "没有", batch: "有，用批的统计量",
    data: "数据点", layers: "隐藏层数（每层 8 个单元）", activation: "激活函数", batch_size: "每批数据", full: "全部", steps: "迭代次数", learning_rate: "学习率 η",
    points: "换一组点", seed: "换一组初始权重", reset: "重新开始", layer: "隐藏层", iteration: "迭代", loss: "损失", input: "输入",
  },
});
