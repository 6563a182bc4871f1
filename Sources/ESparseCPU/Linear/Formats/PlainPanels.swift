// N:M weights in panels of eight rows, repacked once at load: as large as the portable form.

internal import CESparseCPU
import ESparseCore

/// N:M weights of f32, f16 or bf16 in panels of eight rows.
struct PlainPanels: WeightFormat {
    static let name = "plain panels"

    let code: esparse_format
    private let panels: ByteStorage
    private let bytesPerPanel: Int

    /// Afterwards pages of a mapped checkpoint that held the portable weights are given back.
    init?(packing weights: PortableWeights, kernels: esparse_linear_kernels, pool: ThreadPool) {
        guard let code = Self.code(weights.shape.elementType),
            let packing = PanelPacking(weights, format: code, kernels: kernels, pool: pool)
        else { return nil }
        let (panels, outcomes) = packing.fill(Array(0..<packing.count))
        guard outcomes.allSatisfy({ $0 == esparse_fill_done }) else { return nil }
        self.code = code
        self.panels = panels
        bytesPerPanel = packing.bytesPerPanel
        weights.releasePages()
    }

    /// C's format of panels; nil for other types.
    static func code(_ type: ElementType) -> esparse_format? {
        type.format(f32: esparse_panels_f32, f16: esparse_panels_f16, bf16: esparse_panels_bf16)
    }

    var byteCount: Int { panels.byteCount }

    var rowsAtOnce: Int { PanelPacking.rowsAtOnce }

    var firstRun: (address: UInt, byteCount: Int) { panels.run }

    func describe(_ rows: esparse_rows, from row: Int, _ body: (UnsafePointer<esparse_rows>) -> Void) {
        var description = unsafe rows
        unsafe panels.withPanel(of: row, bytesPerPanel: bytesPerPanel) { panel in
            unsafe description.panels = panel
            unsafe body(&description)
        }
    }
}
