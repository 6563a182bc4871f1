// bf16 N:M weights in panels of eight rows that hold a value in 12 bits without loss.

internal import CESparseCPU
import ESparseCore

/// N:M weights of bf16 in compact panels of eight rows: 2:4 and 4:8 take 7/16 of their dense bytes.
///
/// A panel that does not fit is *spilled*: it lies beside the others as a plain one.
struct CompactPanels: WeightFormat {
    static let name = "compact panels"

    let code = esparse_compact_panels
    private let panels: ByteStorage
    private let bytesPerPanel: Int
    private let spilled: SpilledPanels?

    /// One panel of so many may be spilled at most.
    private static let panelsPerSpilled = 8

    /// nil where weights are not bf16, plain panels are no larger, or too many panels would spill. Afterwards pages of a
    /// mapped checkpoint that held the portable weights are given back.
    init?(packing weights: PortableWeights, kernels: esparse_linear_kernels, pool: ThreadPool) {
        guard weights.shape.elementType == .bfloat16,
            let packing = PanelPacking(weights, format: esparse_compact_panels, kernels: kernels, pool: pool),
            let plain = PanelPacking(weights, format: esparse_panels_bf16, kernels: kernels, pool: pool),
            packing.bytesPerPanel < plain.bytesPerPanel
        else { return nil }
        let (panels, outcomes) = packing.fill(Array(0..<packing.count))
        let places = outcomes.indices.filter { outcomes[$0] == esparse_fill_spills }
        guard !outcomes.contains(esparse_fill_wrong), places.count * Self.panelsPerSpilled <= packing.count
        else { return nil }
        if places.isEmpty {
            spilled = nil
        } else {
            guard let spilled = SpilledPanels(places, of: packing.count, packing: plain) else { return nil }
            self.spilled = spilled
        }
        self.panels = panels
        bytesPerPanel = packing.bytesPerPanel
        weights.releasePages()
    }

    var byteCount: Int { panels.byteCount + (spilled?.byteCount ?? 0) }

    var rowsAtOnce: Int { PanelPacking.rowsAtOnce }

    var firstRun: (address: UInt, byteCount: Int) { panels.run }

    func describe(_ rows: esparse_rows, from row: Int, _ body: (UnsafePointer<esparse_rows>) -> Void) {
        var description = unsafe rows
        unsafe panels.withPanel(of: row, bytesPerPanel: bytesPerPanel) { panel in
            unsafe description.panels = panel
            guard let spilled else { return unsafe body(&description) }
            unsafe spilled.places.withUnsafeBytes { places in
                let table = unsafe places.baseAddress?.assumingMemoryBound(to: UnsafePointer<UInt8>?.self)
                unsafe description.spilled = table.map { unsafe $0 + row / PanelPacking.rows }
                unsafe body(&description)
            }
        }
    }

    /// Plain panels of the rows whose compact ones could not hold them.
    private struct SpilledPanels {
        private let panels: ByteStorage
        /// For each panel of the matrix its address in `panels`, or null.
        let places: ByteStorage

        /// Packs the panels of these indices, of `count` that the matrix has; nil where they do not suit plain panels.
        init?(_ indices: [Int], of count: Int, packing: PanelPacking) {
            let (panels, outcomes) = packing.fill(indices)
            guard outcomes.allSatisfy({ $0 == esparse_fill_done }) else { return nil }
            self.panels = panels
            places = unsafe ByteStorage(byteCount: count * MemoryLayout<UnsafePointer<UInt8>?>.stride) { target in
                unsafe panels.withUnsafeBytes { bytes in
                    let table = unsafe target.bindMemory(to: UnsafeRawPointer?.self)
                    for (place, index) in indices.enumerated() {
                        unsafe table[index] = bytes.baseAddress.map { unsafe $0 + place * packing.bytesPerPanel }
                    }
                }
            }
        }

        var byteCount: Int { panels.byteCount + places.byteCount }
    }
}
