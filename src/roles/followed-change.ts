/** Changes of quotas as central management follows them: quota control tells them as they were approved. */
import type { ApprovedChange } from '../store/store.ts';

/** A quota, and the version that the first of its changes starts from. */
export interface QuotaVersion {
  readonly issuer: string;
  readonly currency: string;
  readonly version: number;
}

export type FollowedChange = Pick<ApprovedChange, 'change' | 'approvals'>;

/** Of one answer; the rest is asked for from there. */
export const followedLimit = 50;
