// The words of over- and underfitting in each language.

import { speaker } from "/static/pages/language.js";

export const f = speaker({
  en: {
    look: "Look for: the training loss falls with every degree and every epoch. The validation loss falls, reaches its least, and rises again where the model learns the noise of its few rows.",
    ask: "Try: with degree 15, how many rows bring both losses together? With a network of 64 units, which helps more on 20 rows: dropout, early stopping, or fewer units?",
    why: "On new rows the expected loss is bias² + variance + σ². Bias is what the model cannot bend to, and falls with capacity; variance is how much it depends on which rows it saw, and grows with capacity, but falls with more rows. σ² is the noise, below which no model gets.",
    data: "Curve", sine: "sine", step: "step", bump: "bump", model: "Model", polynomial: "polynomial", network: "network of two hidden layers",
    degree: "Degree", width: "Units of each hidden layer", rows: "Training rows", noise: "Noise σ", dropout: "Dropout", epochs: "Epochs at most",
    patience: "Early stopping: patience in epochs", off: "off", learning_rate: "Learning rate of Adam", points: "Other points", seed: "Other first weights", reset: "Begin again",
    curve_chart: "The curve", curve_help: "Dots: training rows; rings: validation rows. Dashed: the curve without noise. The line: what the model answers.",
    loss_chart: "The loss by epoch", loss_help: "The upright line is the best epoch; the level line is σ², the loss that the noise alone makes.",
    u_chart: "The loss by capacity", u_help: "Each dot is a training of its own with these settings. The upright line is the capacity above.", compare: "Train with each capacity", comparing: "Training with capacity {capacity} …",
    train: "training", validation: "validation", epoch: "epoch", loss: "loss",
  },
  zh: {
    look: "注意：次数越高、周期越多，训练损失越低。验证损失先下降，到达最低，再上升：模型开始学习少量数据中的噪声。",
    ask: "试一试：次数为 15 时，多少行数据能使两种损失接近？64 个单元的网络用 20 行数据时，随机失活、早停、减少单元，哪个更有用？",
    why: "在新数据上，损失的期望是 偏差² + 方差 + σ²。偏差是模型无法弯成的部分，容量越大越小；方差是模型对所见数据的依赖，容量越大越大，数据越多越小。σ² 是噪声，任何模型都不能低于它。",
    data: "曲线", sine: "正弦", step: "阶跃", bump: "小丘", model: "模型", polynomial: "多项式", network: "两个隐藏层的网络",
    degree: "次数", width: "每个隐藏层的单元数", rows: "训练数据的行数", noise: "噪声 σ", dropout: "随机失活", epochs: "周期数上限",
    patience: "早停：等待的周期数", off: "关", learning_rate: "Adam 的学习率", points: "换一组点", seed: "换一组初始权重", reset: "重新开始",
    curve_chart: "曲线", curve_help: "实心：训练数据；空心：验证数据。虚线：没有噪声的曲线。实线：模型的回答。",
    loss_chart: "每个周期的损失", loss_help: "竖线是最好的周期；横线是 σ²，即单由噪声造成的损失。",
    u_chart: "不同容量的损失", u_help: "每个点都是用这些设置的一次训练。竖线是上面所选的容量。", compare: "用每种容量训练", comparing: "正在用容量 {capacity} 训练……",
    train: "训练", validation: "验证", epoch: "周期", loss: "损失",
  },
});
