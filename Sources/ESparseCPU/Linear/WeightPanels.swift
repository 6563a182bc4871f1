// Sparse weights as the kernels of an instruction set want them: rows side by side in panels, repacked once at load.

internal import CESparseCPU
import ESparseCore
import Synchronization

/// N:M weights in panels of eight rows, as the C kernels' `linear_panel.h` describes them.
///
/// bf16 weights become compact panels, which hold a value in 12 bits without loss: 2:4 and 4:8 then take 7/16 of their
/// dense bytes. A panel that does not fit is spilled: it lies beside them as a plain one. Other types, and matrices that
/// spill too much, become plain panels, as large as the portable form but for the rows that fill the last one.
struct WeightPanels: Sendable {
    private let storage: ByteStorage
    private let bytesPerPanel: Int
    private let spilled: SpilledPanels?
    /// Whether the panels hold bf16 in 12 bits.
    let isCompact: Bool

    static let rows = 8
    /// Columns that a panel treats as one, which groups must divide.
    private static let span = 8
    /// One panel of so many may be spilled at most.
    private static let panelsPerSpilled = 8

    /// Repacks weights in parallel; nil where the instruction set has no panels or the weights do not suit them.
    ///
    /// Afterwards pages of a mapped checkpoint that held the portable weights are given back.
    init?(_ portable: WeightStorage, kernels: esparse_linear_kernels, pool: ThreadPool) {
        guard let pattern = portable.pattern, WeightPanels.span % pattern.group == 0, portable.bitmask != nil,
            portable.values != nil, portable.rows > 0, unsafe kernels.panels.fill != nil
        else { return nil }
        let filler = PanelFiller(portable: portable, kernels: kernels.panels, pool: pool)
        guard let panels = filler.compactPanels() ?? filler.plainPanels() else { return nil }
        self = panels
        portable.values?.releasePages()
        portable.bitmask?.releasePages()
    }

    private init(storage: ByteStorage, bytesPerPanel: Int, isCompact: Bool, spilled: SpilledPanels? = nil) {
        self.storage = storage
        self.bytesPerPanel = bytesPerPanel
        self.isCompact = isCompact
        self.spilled = spilled
    }

    /// Bytes of all panels.
    var byteCount: Int { storage.byteCount + (spilled?.byteCount ?? 0) }

    /// Calls `body` with where the panel of a row begins, which is a multiple of eight, and where those spilled from it on are.
    func withPanel(
        of row: Int, _ body: (UnsafePointer<UInt8>, UnsafePointer<UnsafePointer<UInt8>?>?) -> Void
    ) {
        precondition(row % WeightPanels.rows == 0)
        let panel = row / WeightPanels.rows
        unsafe storage.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            let place = unsafe (base + panel * bytesPerPanel).assumingMemoryBound(to: UInt8.self)
            guard let spilled else { return unsafe body(place, nil) }
            unsafe spilled.places.withUnsafeBytes { places in
                let table = unsafe places.baseAddress?.assumingMemoryBound(to: UnsafePointer<UInt8>?.self)
                unsafe body(place, table.map { unsafe $0 + panel })
            }
        }
    }

    /// Plain panels of the rows whose compact ones could not hold them.
    private struct SpilledPanels {
        let panels: ByteStorage
        /// For each panel of the matrix its address in `panels`, or null.
        let places: ByteStorage

        var byteCount: Int { panels.byteCount + places.byteCount }
    }

    /// Makes panels of either form out of portable weights.
    private struct PanelFiller {
        let portable: WeightStorage
        let kernels: esparse_panel_kernels
        let pool: ThreadPool

        /// Panels of the matrix.
        var count: Int { (portable.rows + WeightPanels.rows - 1) / WeightPanels.rows }

        /// nil where weights are not bf16, plain panels are no larger, or too many panels would spill.
        func compactPanels() -> WeightPanels? {
            guard portable.elementType == .bfloat16, let size = bytesPerPanel(isCompact: true),
                let plainSize = bytesPerPanel(isCompact: false), size < plainSize
            else { return nil }
            let (storage, outcomes) = fill(Array(0..<count), bytesPerPanel: size, isCompact: true)
            let spilled = outcomes.indices.filter { outcomes[$0] == esparse_fill_spills }
            guard !outcomes.contains(esparse_fill_wrong), spilled.count * WeightPanels.panelsPerSpilled <= count
            else { return nil }
            if spilled.isEmpty { return WeightPanels(storage: storage, bytesPerPanel: size, isCompact: true) }
            let (panels, plainOutcomes) = fill(spilled, bytesPerPanel: plainSize, isCompact: false)
            guard plainOutcomes.allSatisfy({ $0 == esparse_fill_done }) else { return nil }
            let places = unsafe ByteStorage(byteCount: count * MemoryLayout<UnsafePointer<UInt8>?>.stride) { target in
                unsafe panels.withUnsafeBytes { bytes in
                    let table = unsafe target.bindMemory(to: UnsafeRawPointer?.self)
                    for (index, panel) in spilled.enumerated() {
                        unsafe table[panel] = bytes.baseAddress.map { unsafe $0 + index * plainSize }
                    }
                }
            }
            return WeightPanels(
                storage: storage, bytesPerPanel: size, isCompact: true,
                spilled: SpilledPanels(panels: panels, places: places))
        }

        /// nil where the weights do not suit panels.
        func plainPanels() -> WeightPanels? {
            guard let size = bytesPerPanel(isCompact: false) else { return nil }
            let (storage, outcomes) = fill(Array(0..<count), bytesPerPanel: size, isCompact: false)
            guard outcomes.allSatisfy({ $0 == esparse_fill_done }) else { return nil }
            return WeightPanels(storage: storage, bytesPerPanel: size, isCompact: false)
        }

        /// Bytes of a panel; nil where such weights do not suit panels.
        private func bytesPerPanel(isCompact: Bool) -> Int? {
            var size: Int64 = 0
            unsafe portable.withRows(0..<0) { description in
                var form = unsafe description.pointee
                unsafe form.is_compact = isCompact ? 1 : 0
                size = unsafe kernels.bytes(&form)
            }
            return size > 0 ? Int(size) : nil
        }

        /// These panels one behind the other, and how filling each ended.
        private func fill(
            _ panels: [Int], bytesPerPanel: Int, isCompact: Bool
        ) -> (ByteStorage, [esparse_fill]) {
            let outcomes = Mutex([esparse_fill](repeating: esparse_fill_done, count: panels.count))
            let storage = unsafe ByteStorage(byteCount: panels.count * bytesPerPanel) { target in
                nonisolated(unsafe) let base = target.baseAddress
                let kernels = kernels
                pool.run(count: panels.count) { index in
                    let first = panels[index] * WeightPanels.rows
                    unsafe portable.withRows(first..<min(first + WeightPanels.rows, portable.rows)) { description in
                        guard let base = unsafe base else { return }
                        let place = unsafe (base + index * bytesPerPanel).assumingMemoryBound(to: UInt8.self)
                        var form = unsafe description.pointee
                        unsafe form.is_compact = isCompact ? 1 : 0
                        let outcome = unsafe kernels.fill(&form, place)
                        if outcome != esparse_fill_done { outcomes.withLock { $0[index] = outcome } }
                    }
                }
            }
            return (storage, outcomes.withLock { $0 })
        }
    }
}
