// How often a page draws: as soon as there is something new, but for a small share of the time, as a training may run beside it.

/**
 * The largest share of the time for which is drawn what came by itself. What the browser then does with a drawing, in
 * threads of its own, takes some four times as long as the drawing.
 */
const SHARE = 0.002;
/** Milliseconds: the longest pause after a drawing. */
const LONGEST = 8000;

export class Pace {
  constructor(draw) {
    this.draw = draw;
    this.free = 0;
  }

  /** Draw what has come by itself, after a pause if the last drawing took long. */
  soon() {
    this.waiting ??= setTimeout(() => this.now(), Math.max(0, this.free - performance.now()));
  }

  /** Draw what a person has asked for, in the next frame. */
  now() {
    clearTimeout(this.waiting);
    this.waiting = undefined;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      const began = performance.now();
      this.draw();
      const ended = performance.now();
      this.free = ended + Math.min((ended - began) / SHARE, LONGEST);
    });
  }
}
