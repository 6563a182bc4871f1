// All figures of a reproduction as one value; those of experiments that have not run yet are missing.

import ESparseFormats
import ESparsePruning
import FoundationEssentials

/// The figures of a reproduction so far.
public struct ReproductionResults: Sendable, Encodable {
    let context: ReportContext
    let records: [ExperimentRecord]
    let plannedCount: Int
    let main: [MainRow]
    let ablation: [AblationCell]
    let sensitivity: [SensitivityRow]
    let channels: ChannelFindings?
    let gemm: GemmFindings?
    let model: [ModelRow]
    let measuredMemory: [MeasuredMemory]
    let paperMemory: [MemoryEstimate]
    let pruning: [PruningCost]

    /// Whether every planned experiment is done.
    public var isComplete: Bool { records.count == plannedCount }

    /// "41 of 41 experiments".
    public var summary: String { "\(records.count) of \(plannedCount) experiments" }

    /// Puts the results of a plan together.
    package init(
        records: [ExperimentRecord], plannedCount: Int, context: ReportContext, channels: [UInt8]?
    ) throws {
        let byID = Dictionary(records.map { ($0.id, $0) }) { first, _ in first }
        self.context = context
        self.records = records
        self.plannedCount = plannedCount
        main = try MainRow.rows(byID, taskNames: context.taskNames)
        ablation = try AblationCell.cells(byID)
        sensitivity = try SensitivityRow.rows(byID, settings: context.settings)
        self.channels = try channels.map { try ChannelFindings(json: $0) }
        gemm = try byID["gemm"].map { try GemmFindings($0) }
        model = try byID["model"].map { try ModelRow.rows($0) } ?? []
        measuredMemory = try MeasuredMemory.rows(byID)
        paperMemory = try MemoryEstimate.paperTable()
        pruning = PruningCost.rows(byID)
    }

    private enum CodingKeys: String, CodingKey {
        case complete, main, ablation, sensitivity, channels, gemm, model, pruning, settings, commands, machine
        case measuredMemory = "memory_measured"
        case paperMemory = "memory_computed"
    }

    private struct Machine: Encodable {
        let processor: String
        let threads: Int
        let precision: String
        let version: String
    }

    private struct Command: Encodable {
        let experiment: String
        let line: String
        let seconds: Double
    }

    /// One object: the settings, the machine, all figures and every command.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(isComplete, forKey: .complete)
        var settings = context.settings.named
        settings["model"] = context.modelName
        settings["calibration"] = context.settings.calibration
        settings["text"] = context.settings.text
        settings["tasks"] = context.taskNames.joined(separator: ",")
        try container.encode(settings, forKey: .settings)
        try container.encode(
            Machine(
                processor: context.processor, threads: context.settings.threads, precision: context.settings.precision,
                version: context.toolVersion), forKey: .machine)
        try container.encode(main, forKey: .main)
        try container.encode(ablation, forKey: .ablation)
        try container.encode(sensitivity, forKey: .sensitivity)
        try container.encodeIfPresent(channels, forKey: .channels)
        try container.encodeIfPresent(gemm, forKey: .gemm)
        try container.encode(model, forKey: .model)
        try container.encode(measuredMemory, forKey: .measuredMemory)
        try container.encode(paperMemory, forKey: .paperMemory)
        try container.encode(pruning, forKey: .pruning)
        let commands = records.flatMap { record in
            record.steps.map {
                Command(
                    experiment: record.id, line: ReportContext.commandLine($0.arguments), seconds: $0.seconds)
            }
        }
        try container.encode(commands, forKey: .commands)
    }

    /// UTF-8 JSON with sorted keys.
    package func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
    }
}
