/**
 * The sentences of the school arithmetic set: one frame is one scene, told by a start, one event per operator and a
 * question. Frames marked `unseen` never occur in training, so that a test can tell new numbers from new wording.
 * Slots: {a} start value, {b} operand of the event, {name} and {other} people, {m} measure word, {thing} the objects.
 */

/** Operators of a school problem. */
export type ArithmeticOperator = "add" | "subtract" | "multiply";

/** Language of a school problem. */
export type ArithmeticLanguage = "zh" | "en";

/** One scene in one language. */
export interface ArithmeticFrame {
  readonly id: string;
  readonly language: ArithmeticLanguage;
  readonly unseen: boolean;
  readonly start: string;
  readonly events: Readonly<Record<ArithmeticOperator, string>>;
  readonly question: string;
}

/** A countable thing: measure word (Chinese) and noun. */
export interface ArithmeticThing {
  readonly measure: string;
  readonly noun: string;
}

/** People and things that fill the slots. */
export const arithmeticWords: Readonly<
  Record<
    ArithmeticLanguage,
    { readonly names: readonly string[]; readonly things: readonly ArithmeticThing[] }
  >
> = {
  zh: {
    names: ["小明", "小红", "小华", "小丽", "小刚", "小芳"],
    things: [
      { measure: "个", noun: "苹果" },
      { measure: "支", noun: "铅笔" },
      { measure: "本", noun: "书" },
      { measure: "张", noun: "卡片" },
      { measure: "颗", noun: "糖" },
      { measure: "块", noun: "饼干" },
    ],
  },
  en: {
    names: ["Anna", "Ben", "Clara", "David", "Emma", "Finn"],
    things: [
      { measure: "", noun: "apples" },
      { measure: "", noun: "pencils" },
      { measure: "", noun: "books" },
      { measure: "", noun: "cards" },
      { measure: "", noun: "candies" },
      { measure: "", noun: "cookies" },
    ],
  },
};

/** Every frame once. Ids are stable: they appear in data files and reports. */
export const arithmeticFrames: readonly ArithmeticFrame[] = [
  {
    id: "zh-shop",
    language: "zh",
    unseen: false,
    start: "{name}有{a}{m}{thing}",
    events: {
      add: "又买了{b}{m}",
      subtract: "用掉了{b}{m}",
      multiply: "后来数量变成原来的{b}倍",
    },
    question: "现在有多少{m}{thing}？",
  },
  {
    id: "zh-box",
    language: "zh",
    unseen: false,
    start: "盒子里有{a}{m}{thing}",
    events: {
      add: "{name}又放进去{b}{m}",
      subtract: "{name}拿走了{b}{m}",
      multiply: "{name}把数量增加到{b}倍",
    },
    question: "盒子里现在有多少{m}{thing}？",
  },
  {
    id: "zh-gift",
    language: "zh",
    unseen: false,
    start: "{name}原来有{a}{m}{thing}",
    events: {
      add: "{other}送来{b}{m}",
      subtract: "送给{other}{b}{m}",
      multiply: "{other}帮忙凑成了{b}倍",
    },
    question: "{name}现在一共有多少{m}{thing}？",
  },
  {
    id: "zh-class",
    language: "zh",
    unseen: false,
    start: "老师带来{a}{m}{thing}",
    events: {
      add: "{name}又带来{b}{m}",
      subtract: "发给同学{b}{m}",
      multiply: "第二天准备了{b}倍",
    },
    question: "这时有多少{m}{thing}？",
  },
  {
    id: "zh-desk",
    language: "zh",
    unseen: false,
    start: "桌上放着{a}{m}{thing}",
    events: {
      add: "{name}添上{b}{m}",
      subtract: "{name}收走{b}{m}",
      multiply: "{name}换成了{b}倍那么多",
    },
    question: "桌上还有多少{m}{thing}？",
  },
  {
    id: "zh-collect",
    language: "zh",
    unseen: false,
    start: "{name}收集了{a}{m}{thing}",
    events: {
      add: "后来又得到{b}{m}",
      subtract: "后来丢了{b}{m}",
      multiply: "后来收集到{b}倍",
    },
    question: "{name}手里有多少{m}{thing}？",
  },
  {
    id: "zh-store",
    language: "zh",
    unseen: true,
    start: "商店早上有{a}{m}{thing}",
    events: {
      add: "中午运来{b}{m}",
      subtract: "中午卖出{b}{m}",
      multiply: "中午的库存是早上的{b}倍",
    },
    question: "商店这时有多少{m}{thing}？",
  },
  {
    id: "zh-bag",
    language: "zh",
    unseen: true,
    start: "书包里装了{a}{m}{thing}",
    events: {
      add: "妈妈再装进{b}{m}",
      subtract: "妈妈取出{b}{m}",
      multiply: "妈妈装到了{b}倍",
    },
    question: "书包里共有多少{m}{thing}？",
  },
  {
    id: "en-shop",
    language: "en",
    unseen: false,
    start: "{name} has {a} {thing}",
    events: {
      add: "then buys {b} more",
      subtract: "then uses up {b}",
      multiply: "then ends up with {b} times as many",
    },
    question: "How many {thing} does {name} have now?",
  },
  {
    id: "en-box",
    language: "en",
    unseen: false,
    start: "There are {a} {thing} in a box",
    events: {
      add: "{name} puts in {b} more",
      subtract: "{name} takes out {b}",
      multiply: "{name} makes it {b} times as many",
    },
    question: "How many {thing} are in the box now?",
  },
  {
    id: "en-gift",
    language: "en",
    unseen: false,
    start: "{name} owned {a} {thing}",
    events: {
      add: "{other} handed over {b} more",
      subtract: "{other} was given {b} of them",
      multiply: "{other} helped to make it {b} times as many",
    },
    question: "How many {thing} does {name} own today?",
  },
  {
    id: "en-class",
    language: "en",
    unseen: false,
    start: "The teacher brings {a} {thing}",
    events: {
      add: "{name} brings another {b}",
      subtract: "the class takes {b}",
      multiply: "the next day it is {b} times as many",
    },
    question: "How many {thing} are there at that moment?",
  },
  {
    id: "en-desk",
    language: "en",
    unseen: false,
    start: "{a} {thing} lie on a desk",
    events: {
      add: "{name} adds {b}",
      subtract: "{name} clears away {b}",
      multiply: "{name} lays out {b} times as many",
    },
    question: "How many {thing} lie on the desk?",
  },
  {
    id: "en-collect",
    language: "en",
    unseen: false,
    start: "{name} collected {a} {thing}",
    events: {
      add: "later found {b} more",
      subtract: "later lost {b}",
      multiply: "later had {b} times as many",
    },
    question: "How many {thing} are in the collection?",
  },
  {
    id: "en-store",
    language: "en",
    unseen: true,
    start: "A store opens with {a} {thing}",
    events: {
      add: "a delivery of {b} arrives",
      subtract: "customers carry off {b}",
      multiply: "by noon the stock is {b} times as large",
    },
    question: "How many {thing} does the store hold?",
  },
  {
    id: "en-bag",
    language: "en",
    unseen: true,
    start: "A bag holds {a} {thing}",
    events: {
      add: "mother packs {b} more",
      subtract: "mother unpacks {b}",
      multiply: "mother packs {b} times as many",
    },
    question: "How many {thing} does the bag hold in the end?",
  },
];
