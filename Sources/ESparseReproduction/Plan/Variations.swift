// The rows of the ablation and sensitivity tables, and the options that each changes.

import ESparsePruning

/// What scores a weight in the ablation.
package enum AblationScore: String, CaseIterable, Sendable {
    case weight
    case entropy
    case amplitude
    case both
    case refined

    /// For people.
    package var title: String {
        switch self {
        case .weight: "weight alone"
        case .entropy: "entropy"
        case .amplitude: "amplitude"
        case .both: "entropy and amplitude"
        case .refined: "both, masks refined"
        }
    }

    /// Options of `esparse prune`.
    package var options: [String] {
        switch self {
        case .weight: ["--method", "magnitude"]
        case .entropy: ["--rule", "geometric-mean", "--alpha", "1", "--no-refine"]
        case .amplitude: ["--alpha", "0", "--no-refine"]
        case .both: ["--no-refine"]
        case .refined: []
        }
    }

    /// The experiment's name.
    package func id(shuffle: String) -> String { "ablation-\(rawValue)-\(shuffle)" }
    /// Shuffles of the ablation, none first.
    package static let shuffles = ["none", "global", "local", "both"]
}

/// One value of one setting.
package struct Variation: Sendable, Equatable {
    /// The setting, as a heading.
    package let setting: String
    /// The value, as a row's label.
    package let value: String
    /// The experiment that measures it; several rows can share one.
    package let experiment: String
    /// Options of `esparse prune` that it adds; nil where another group's experiment measures it.
    package let options: [String]?
    /// Whether the table's other rows are compared with it.
    package let isReference: Bool

    /// The default's experiment: the ablation's last cell.
    package static let reference = AblationScore.refined.id(shuffle: "both")

    /// All rows, in order; rows of one setting follow each other.
    package static func all(for settings: ReproductionSettings) -> [Variation] {
        func row(_ setting: String, _ value: String, _ id: String, _ options: [String]) -> Variation {
            Variation(
                setting: setting, value: value, experiment: "sensitivity-\(id)", options: options, isReference: false)
        }
        func reference(_ setting: String, _ value: String) -> Variation {
            Variation(setting: setting, value: value, experiment: Variation.reference, options: nil, isReference: true)
        }
        func paper(_ bins: Int) -> [String] { ["--preset", "paper", "--bins", "\(bins)"] }
        let (samples, length) = (settings.ablationSamples, settings.ablationSequenceLength)
        let (fewer, shorter) = (max(samples / 4, 1), max(length / 4, 2))
        let standard = ESparse.standard.alpha
        var rows = Set([0, 0.1, 0.2, 0.4, 1, standard]).sorted().map { alpha in
            alpha == standard
                ? reference("alpha", "\(alpha) (default)")
                : row("alpha", "\(alpha)", "alpha-\(alpha)", ["--alpha", "\(alpha)"])
        }
        rows += [25, 100, 400].map { row("bins (paper preset)", "\($0)", "bins-\($0)", paper($0)) }
        rows.append(row("amplitude scale (paper preset)", "wanda", "bins-100", paper(100)))
        rows += ["rms", "l2"].map {
            row("amplitude scale (paper preset)", $0, "amplitude-\($0)", ["--preset", "paper", "--amplitude", $0])
        }
        rows += [
            row("calibration sequences", "\(fewer)", "samples-fewer", ["--samples", "\(fewer)"]),
            reference("calibration sequences", "\(samples)"),
            row("calibration sequences", "\(2 * samples)", "samples-more", ["--samples", "\(2 * samples)"]),
            row("tokens of a sequence", "\(shorter)", "length-shorter", ["--sequence-length", "\(shorter)"]),
            reference("tokens of a sequence", "\(length)"),
            row("tokens of a sequence", "\(2 * length)", "length-longer", ["--sequence-length", "\(2 * length)"]),
        ]
        if settings.calibration == "self" {
            rows.append(reference("calibration text", "written by the model"))
        } else {
            rows.append(reference("calibration text", "the given file"))
            rows.append(row("calibration text", "written by the model", "source-self", ["--calibration", "self"]))
        }
        rows.append(reference("seed", "0"))
        rows += (1...2).map { row("seed", "\($0)", "seed-\($0)", ["--seed", "\($0)"]) }
        return rows
    }
}
