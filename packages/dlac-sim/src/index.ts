export type {
  BitFusionConfiguration,
  Configuration,
  GridConfiguration,
  SimulationMode,
  SystolicConfiguration,
} from "./config/config.js";
export { parseConfiguration, simulationModes } from "./config/config.js";
export type { PeKind, PeKindName } from "./config/pe-kind.js";
export { peKindNames, peKinds } from "./config/pe-kind.js";
export type { ScalesimConfiguration } from "./config/read-scalesim-cfg.js";
export { readScalesimCfg } from "./config/read-scalesim-cfg.js";
export type { CyclesBy, EnergyBy, Figures, LayerReport, LayerRun, Traffic } from "./layer-report.js";
export { CLOSED_FORM_BOUND } from "./modes/closed.js";
export type { EventOptions, EventRun } from "./modes/event.js";
export { runEvent } from "./modes/event.js";
export type { LayerValues } from "./modes/layer-values.js";
export { drawValues } from "./modes/layer-values.js";
export type { Area } from "./price.js";
export { parseReport } from "./read-report.js";
export { reportCsv } from "./report-csv.js";
export { scalesimReports } from "./scalesim-reports.js";
export type { SimulateOptions, SimulationReport, Throughput } from "./simulate.js";
export { simulate } from "./simulate.js";
export type { SimulatorErrorCode, SimulatorErrorDetails } from "./simulator-error.js";
export { SimulatorError } from "./simulator-error.js";
export type { SweptField, SweptMachine } from "./sweep-machines.js";
export { sweepMachines } from "./sweep-machines.js";
export type { TechnologyName } from "./technology/tables.js";
export { technologyNames, technologyTable } from "./technology/tables.js";
export type { Technology, TechnologyRow } from "./technology/technology.js";
export { parseTechnology } from "./technology/technology.js";
export type { Layer } from "./workload/layer.js";
export type { TopologyKind } from "./workload/read-topology.js";
export { parseTopology } from "./workload/read-topology.js";
export type { Workload } from "./workload/read-workload.js";
export { parseWorkload } from "./workload/read-workload.js";
