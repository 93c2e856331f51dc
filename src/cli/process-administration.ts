/** What `ringmint process` does, as the command line sees it. */

/** One of several processes of quota control. */
export interface ListedProcess {
  readonly series: string;
  /** Of the control bits that it numbers. */
  readonly epoch: number;
  /** Name of its journal's anchor in the token. */
  readonly anchor: string;
  /** 0 where the system chooses. */
  readonly port: number;
  /** Id of its journal, hex. */
  readonly journal: string;
  readonly state: 'serving' | 'taken-out' | 'abandoned';
}

export interface AddedProcess extends ListedProcess {
  readonly outcome: 'added' | 'put-back' | 'there';
}

export interface TakenOutProcess {
  readonly series: string;
  /** How many it had taken on and never signed. */
  readonly abandoned: number;
  readonly outcome: 'taken-out' | 'there';
}

export interface ProcessAdministration {
  /** None where quota control is one process. */
  list(home: string): Promise<readonly ListedProcess[]>;
  add(options: {
    readonly home: string;
    readonly series: string;
    readonly port: number;
  }): Promise<AddedProcess>;
  takeOut(options: {
    readonly home: string;
    readonly series: string;
    readonly abandon: boolean;
    readonly progress: (line: string) => void;
  }): Promise<TakenOutProcess>;
}
