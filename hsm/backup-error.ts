/** Why a token could not be backed up, or a backup not be used; stable codes, shown to operators. */
type BackupErrorCode =
  | 'backup_unsupported'
  | 'backup_exists'
  | 'backup_unsettled'
  | 'backup_incomplete'
  | 'backup_altered'
  | 'backup_foreign'
  | 'drill_interrupted';

export class BackupError extends Error {
  readonly code: BackupErrorCode;
  constructor(code: BackupErrorCode, message: string) {
    super(message);
    this.name = 'BackupError';
    this.code = code;
  }
}
