/** Constants that the compiler sets: `asc --use TAGGED=1 --use STEPPING=0`. */
declare const TAGGED: bool;
declare const STEPPING: bool;
