/** Who may use the one session when: readers together, a writer alone, in the order in which they came. */
export class Turns {
  private readonly waiting: { readonly shared: boolean; readonly start: () => void }[] = [];
  private readers = 0;
  private writing = false;

  /** Runs `work` in its turn; `shared` for what only reads. */
  run<T>(shared: boolean, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.waiting.push({
        shared,
        start: () => {
          if (shared) this.readers++;
          else this.writing = true;
          work()
            .then(resolve, reject)
            .finally(() => {
              if (shared) this.readers--;
              else this.writing = false;
              this.startNext();
            });
        },
      });
      this.startNext();
    });
  }

  private startNext(): void {
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.writing || (!next.shared && this.readers > 0)) return;
      this.waiting.shift();
      next.start();
    }
  }
}
