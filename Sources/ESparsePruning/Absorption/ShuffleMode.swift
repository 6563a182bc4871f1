// Where shuffled channels get their order from when the pruned model runs.

public import ESparseFormats
import ESparseModels

/// Where the order of shuffled channels is kept.
public enum ShuffleMode: String, Sendable, Codable, CaseIterable {
    /// Every input site has its best order, which norms and attention write in while the model runs. Only this tool runs such a
    /// model as it is stored.
    case runTime = "run-time"
    /// Orders are put into the weights: one for the residual stream of the whole model, one for each block's inner channels,
    /// one for each key/value head. The result is an ordinary checkpoint, N:M in the order it is stored in.
    case absorbed
}

extension ShuffleMode {
    /// Name of the setting in manifests, where it is not the default.
    static let settingName = "shuffle-mode"
}

extension SparseManifest {
    /// Where the checkpoint's shuffles are; nil where channels keep their order, or in a mode that this version does not know.
    public var shuffleMode: ShuffleMode? {
        guard let steps = run.settings["shuffle"], steps != ShuffleSteps.none.rawValue else { return nil }
        guard let name = run.settings[ShuffleMode.settingName] else { return .runTime }
        return ShuffleMode(rawValue: name)
    }
}

extension PruningSettings {
    /// How a site's channels are shuffled in the mode that was asked for.
    func shuffle(of site: InputSite) -> InputSite.Shuffle {
        switch shuffleMode {
        case .runTime: site.shuffle
        case .absorbed: site.absorbedShuffle
        }
    }

    /// The linears whose rows stand for a site's shuffled channels; nil where the shuffle does not lie in rows.
    func producers(of site: InputSite) -> ChannelProducers? {
        if case .inProducers(let producers) = shuffle(of: site) { producers } else { nil }
    }

    /// Whether the residual stream of a model gets an order of its own.
    func ordersResidualStream(of architecture: ModelArchitecture) -> Bool {
        guard shuffleMode == .absorbed, shuffle != .none else { return false }
        return architecture.blocks.contains { $0.residualSites.contains(where: selectsLinear) }
    }

    /// Whether the site's channels have the order that the residual stream was given.
    func keepsStreamOrder(at site: InputSite) -> Bool {
        if case .impossible = shuffle(of: site) { shuffleMode == .absorbed && shuffle != .none } else { false }
    }

    /// Whether a linear of the site is pruned.
    func selectsLinear(of site: InputSite) -> Bool { site.linears.contains { selects($0.name) } }
}
