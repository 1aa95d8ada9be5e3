export type { FinishedTrial, Study, Trial, TrialResult, Verdict } from "./define-study.js";
export { defineStudy } from "./define-study.js";
export type { RunStudyOptions, StudyState } from "./run-study.js";
export { readStudyState, runStudy } from "./run-study.js";
export type { Spread } from "./spread.js";
export { formatSpread, spreadOf } from "./spread.js";
export { wrpnStudy } from "./studies/wrpn-study.js";
export type { Provenance, TrialRecord } from "./trial-record.js";
export { readTrials } from "./trial-record.js";
