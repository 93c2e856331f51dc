/** What `ringmint device` needs of a secure element, and what it reports; bytes that a person may compare are in hex. */
import type { Result } from '../kit/result.ts';
import type { Role } from './appliance.ts';

/** Which device: one in a folder of its own, or that of a system of this appliance. */
export type DevicePlace =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'role'; readonly home: string; readonly role: Role };

export interface DeviceLimitReport {
  readonly keys: number;
  readonly anchors: number;
  readonly ballots: number;
  readonly modules: number;
  readonly messageBytes: number;
  readonly pinTries: number;
  readonly pinLength: { readonly least: number; readonly most: number };
}

export interface ListedProfile {
  readonly name: string;
  readonly vendor: string;
  readonly algorithms: readonly string[];
  /** Of the attestation key and of the vendor's root. */
  readonly attestation: string;
  /** Hex: the point of the root that its attestations are checked by. */
  readonly root: string;
  readonly limits: DeviceLimitReport;
  readonly alarmLimit: number;
  readonly flashBytes: number;
  /** Erases that a sector is made for. */
  readonly endurance: number;
}

export interface DeviceReport {
  readonly folder: string;
  /** Always true: nobody is to take it for hardware. */
  readonly simulator: boolean;
  readonly state: 'blank' | 'ready' | 'locked' | 'failed' | 'zeroised';
  /** Why it is failed or zeroised; empty otherwise. */
  readonly reason: string;
  readonly profile: string;
  readonly vendor: string;
  /** Empty where it cannot be read any more. */
  readonly serial: string;
  readonly firmware: { readonly version: string; readonly measurement: string };
  readonly algorithms: readonly string[];
  readonly limits: DeviceLimitReport;
}

export interface DeviceCounterReport {
  readonly folder: string;
  /** Of the sealed store. */
  readonly version: bigint;
  readonly triesLeft: number;
  readonly alarms: number;
  readonly alarmLimit: number;
  readonly wear: number;
  readonly endurance: number;
}

export interface MadeDevice extends DeviceReport {
  /** Where the PIN was written; null where whoever made the device has it. */
  readonly pinFile: string | null;
}

export interface DeviceAttestation {
  readonly profile: string;
  readonly nonce: Uint8Array;
  /** COSE_Sign1 by the device. */
  readonly statement: Uint8Array;
  /** COSE_Sign1 by its vendor. */
  readonly endorsement: Uint8Array;
}

export interface AttestationQuery extends DeviceAttestation {
  /** 16 bytes, where one device is meant. */
  readonly serial: Uint8Array | undefined;
  /** Images that are accepted; any that the vendor endorsed where there are none. */
  readonly measurements: readonly Uint8Array[];
}

export interface AttestedDevice {
  readonly vendor: string;
  readonly profile: string;
  readonly serial: string;
  readonly version: string;
  readonly measurement: string;
  readonly state: string;
  readonly storeVersion: bigint;
}

/** What lies at one place of a slot; nothing of it is opened. */
export interface FlashRecord {
  readonly kind: string;
  /** Of the store; it grows from record to record. */
  readonly version: bigint;
  /** In bytes, with its header. */
  readonly length: number;
  readonly committed: boolean;
}

export interface FlashSector {
  readonly sector: number;
  readonly holds: string;
  readonly wear: number;
  /** Bytes that are not blank. */
  readonly used: number;
}

export interface FlashDump {
  readonly folder: string;
  readonly profile: string;
  readonly sectorBytes: number;
  readonly endurance: number;
  readonly sectors: readonly FlashSector[];
  /** Of each slot, in their order. */
  readonly records: readonly (FlashRecord & { readonly slot: string; readonly address: number })[];
  readonly bytes: Uint8Array;
}

export const tamperEvents = ['mesh', 'voltage', 'temperature', 'removal'] as const;
export type TamperEvent = (typeof tamperEvents)[number];

/** Each call opens the device, or the process that serves it already, and closes it again. Throws errors with the device's stable codes. */
export interface DeviceAdministration {
  profiles(): readonly ListedProfile[];
  /** `pin` is where the PIN is, such as `file:PATH`; one is made where it is not given, which is for a system's device only. */
  init(options: {
    readonly place: DevicePlace;
    readonly profile: string;
    readonly pin: string | undefined;
  }): Promise<Result<MadeDevice>>;
  info(place: DevicePlace): Promise<DeviceReport>;
  counters(place: DevicePlace): Promise<DeviceCounterReport>;
  /** With a fresh nonce where none is given. */
  attest(place: DevicePlace, nonce: Uint8Array | undefined): Promise<DeviceAttestation>;
  /** Offline. */
  checkAttestation(query: AttestationQuery): Result<AttestedDevice>;
  /** `pin` is of a device in a folder that has none of its own; `newPin` is made for a system's device where it is not given. */
  changePin(options: {
    readonly place: DevicePlace;
    readonly pin: string | undefined;
    readonly newPin: string | undefined;
  }): Promise<{ readonly folder: string; readonly pinFile: string | null }>;
  tamper(place: DevicePlace, event: TamperEvent): Promise<DeviceReport>;
  zeroise(place: DevicePlace, serial: string): Promise<DeviceReport>;
  dumpFlash(place: DevicePlace): Promise<FlashDump>;
}
