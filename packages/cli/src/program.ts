import { Command } from "@commander-js/extra-typings";
import { version } from "../package.json";
import { addAdviseVerb } from "./verbs/advise.js";
import { addCalibrateVerb } from "./verbs/calibrate.js";
import { addConvertVerb } from "./verbs/convert.js";
import { addCostVerb } from "./verbs/cost.js";
import { addDataVerb } from "./verbs/data.js";
import { addDemoVerb } from "./verbs/demo.js";
import { addDistillVerb } from "./verbs/distill.js";
import { addDoctorVerb } from "./verbs/doctor.js";
import { addEvalVerb } from "./verbs/eval.js";
import { addFindWidthVerb } from "./verbs/find-width.js";
import { addInspectVerb } from "./verbs/inspect.js";
import { addListVerb } from "./verbs/list.js";
import { addMemoryVerb } from "./verbs/memory.js";
import { addNewVerb } from "./verbs/new.js";
import { addPredictVerb } from "./verbs/predict.js";
import { addSampleVerb } from "./verbs/sample.js";
import { addSchemaVerb } from "./verbs/schema.js";
import { addSearchVerb } from "./verbs/search.js";
import { addSensitivityVerb } from "./verbs/sensitivity.js";
import { addSimulateVerb } from "./verbs/simulate.js";
import { addStudyVerb } from "./verbs/study.js";
import { addTrainVerb } from "./verbs/train.js";

/** The command line as commander sees it. Verbs load what they need when they run, so that help comes at once. */
export function createProgram(): Command {
  const program = new Command("lowbit")
    .description("Train low-precision neural networks without losing accuracy, and run them with real low-bit kernels")
    .version(version)
    .exitOverride() // before the verbs: they inherit it
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 failed, 2 usage, 65 bad file, 69 backend missing, 74 disk, 78 configuration, 130 interrupted",
    );
  const verbs = [
    addTrainVerb,
    addDistillVerb,
    addCalibrateVerb,
    addSensitivityVerb,
    addSearchVerb,
    addEvalVerb,
    addConvertVerb,
    addPredictVerb,
    addSampleVerb,
    addInspectVerb,
    addCostVerb,
    addMemoryVerb,
    addAdviseVerb,
    addDataVerb,
    addListVerb,
    addNewVerb,
    addSchemaVerb,
    addDoctorVerb,
    addDemoVerb,
    addSimulateVerb,
    addStudyVerb,
    addFindWidthVerb,
  ];
  for (const addVerb of verbs) addVerb(program as Command);
  return program as Command;
}
