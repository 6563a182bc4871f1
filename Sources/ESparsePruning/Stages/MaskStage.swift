// What happens after the score: the stages there are, each a type of its own and one line here.

package import ESparseCore
package import ESparseFormats

/// A step between the saliency and the pruned weights.
///
/// Without stages the saliency alone chooses the mask. Stages run in the order of `PruningSettings.stages`, and all of them read
/// the sums of products of the site's calibration tokens. An update chooses its own mask, so it stands alone.
public struct MaskStage: Sendable {
    /// Weights of a group that are kept and dropped change places while the outputs' error falls; no weight is changed.
    public static let refinement = MaskStage(MaskRefinementStage())

    /// Kept weights make up for dropped ones; the mask is chosen on the way.
    public static func update(_ update: WeightUpdate = WeightUpdate(maskChoice: .saliency)) -> MaskStage {
        MaskStage(update)
    }

    /// What the stage does.
    package let work: any MaskStageWork

    private init(_ work: any MaskStageWork) { self.work = work }
}

/// What a mask stage does, on any device.
package protocol MaskStageWork: Sendable {
    /// By their option's name, for the manifest, and to tell on resuming whether a setting changed.
    var settings: [String: String] { get }
    /// Prepares for one site, whose order of channels is settled; the function returned handles the site's linears one by one.
    ///
    /// - Throws: `PruningError` naming the site or the linear; when the device fails.
    func prepare<D: PruningDevice>(_ site: MaskedSite<D>) throws -> (inout MaskedLinear<D>) throws -> Void
    /// What the user should know about the finished run; nil where there is nothing to say.
    func note(on linears: [PrunedLinear]) -> String?
}

extension MaskStageWork {
    /// Nothing to say.
    package func note(on linears: [PrunedLinear]) -> String? { nil }
}
