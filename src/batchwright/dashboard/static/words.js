// Words that folders and the server use for a few things, in the language of the page.

import { language } from "/static/pages/language.js";

export const words = {
  status: {
    compiling: "正在编译", running: "正在训练", finished: "已完成", diverged: "已发散", interrupted: "已中断", failed: "失败",
    killed: "被终止", unreadable: "无法读取", gone: "已不在",
  },
  ending: { finished: "已完成", stopped: "已提前停止", diverged: "已发散", undefined: "指标未定义" },
  origin: { default: "默认", user: "用户", initial: "初始模型", rows: "数据行数", measured: "测量", searched: "搜索" },
  part: { train: "训练", validation: "验证", test: "测试" },
  plan: {
    training_rows: "训练行数", batch_size: "批大小", iterations_per_epoch: "每轮迭代数", epochs: "轮数", updates: "更新次数",
    last_batch_rows: "最后一批的行数", descent: "下降方式", parameters: "参数", frozen_parameters: "冻结的参数", memory_bytes: "内存",
    compiled: "编译",
  },
  descent: {
    "mini-batch gradient descent": "小批量梯度下降", "batch gradient descent": "批量梯度下降",
    "stochastic gradient descent": "随机梯度下降",
  },
  compiled: { quickly: "快速", fully: "完全优化" },
  seconds: { load: "读取", measure: "测量", compile: "编译", fit: "拟合", evaluate: "评估", total: "总计" },
  sure: { possible: "可能", likely: "很可能", sure: "确定", note: "提示" },
  kind: {
    underfitting: "欠拟合", "about right": "恰当", overfitting: "过拟合", unknown: "无法判断",
    "bad start": "起点不佳", "batch normalization with small batches": "小批量下的批归一化", "batch too large": "批太大",
    "batch too small": "批太小", "class never answered": "有类从未被预测", "dead units": "死单元", "decayed too early": "学习率过早衰减",
    diverged: "发散", "exploding gradients": "梯度爆炸", imbalance: "类别不平衡", "inputs not scaled": "输入未缩放",
    "labels shuffled or noisy": "标签错乱或有噪声", leak: "数据泄漏", "learning rate too high": "学习率过高",
    "learning rate too low": "学习率过低", oscillating: "振荡", "rows not shuffled": "行未打乱", saturation: "饱和",
    "too few epochs": "轮次太少", "too little capacity": "容量不足", "too much dropout": "dropout 过多",
    "unfit activation": "激活函数不合适", "validation unlike training": "验证集与训练集不同", "vanishing gradients": "梯度消失",
  },
};

/** A word for something of a kind, such as `wordOf("status", "running")`; an unknown one is as it is. */
export function wordOf(kind, value) {
  const said = String(value ?? "");
  if (language === "zh") return Object.hasOwn(words[kind], said) ? words[kind][said] : said;
  return said.replaceAll("_", " ");
}
