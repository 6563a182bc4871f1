// The C kernels of one file, looked up by name, and what the processor must have to run them.

package import CESparseCPU

/// A table of C kernels: all that an instruction set has, or a few for instructions that stand beside one.
@safe package struct KernelTable: @unchecked Sendable {
    /// Constant data of the program.
    private let table: UnsafePointer<esparse_kernels>

    /// Looks a table up; nil where this build has none of that name.
    package init?(named name: String) {
        guard let table = unsafe esparse_kernels_named(name) else { return nil }
        unsafe self.table = table
    }

    /// AVX-512 BF16's, which stand beside those of AVX-512; nil where this build has none.
    package static let avx512BFloat16 = KernelTable(named: "avx512_bf16")

    /// What the processor must have before any function of the table is called.
    package var requiredFeatures: ProcessorFeatures { ProcessorFeatures(rawValue: unsafe table.pointee.features) }

    /// Whether this processor has it.
    package var isAvailable: Bool { requiredFeatures.isSubset(of: .current) }

    /// Functions of linears, nil where the table has none.
    package var linear: esparse_linear_kernels? { unsafe table.pointee.linear?.pointee }

    /// Functions of everything else in a model and of statistics, nil where the table has none.
    package var layer: esparse_layer_kernels? { unsafe table.pointee.layer?.pointee }

    /// Functions of shuffles and masks, nil where the table has none.
    package var shuffle: esparse_shuffle_kernels? { unsafe table.pointee.shuffle?.pointee }

    /// Loops that reach the machine's limits, nil where the table has none.
    package var peak: esparse_peak_kernels? { unsafe table.pointee.peak?.pointee }
}
