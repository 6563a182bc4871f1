// Which SIMD instructions our own kernels use: chosen once from the processor, overridable by environment and tests.

package import CESparseCPU

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A set of instructions that all kernels exist for, a C file each.
package enum InstructionSet: String, Sendable, CaseIterable {
    /// Plain C: the reference, for any processor.
    case plain
    /// AVX2 with FMA, F16C and BMI2.
    case avx2
    /// AVX-512 F, BW, DQ, VL and VBMI2 (Ice Lake, Zen 4 and later).
    case avx512
    /// Advanced SIMD of arm64.
    case neon

    /// Overrides the choice.
    package static let environmentVariable = "ESPARSE_INSTRUCTION_SET"

    /// The sets that this build has kernels of and the processor can run, plainest first.
    package static let available = allCases.filter { KernelTable(named: $0.rawValue)?.isAvailable ?? false }

    /// The set to use: the environment's, or the richest one there is.
    ///
    /// - Throws: `KernelError` when the environment names one that does not exist or that the processor lacks.
    package static func selected() throws(KernelError) -> InstructionSet {
        guard let value = unsafe getenv(environmentVariable) else { return available.last ?? .plain }
        let name = unsafe String(cString: value)
        guard let set = InstructionSet(rawValue: name) else { throw .unknownInstructionSet(name) }
        guard available.contains(set) else { throw .missingInstructionSet(set) }
        return set
    }

    /// The set for kernels that give the same bits in every set: `selected`, or the richest one where that is refused.
    package static let forExactKernels: InstructionSet = (try? selected()) ?? available.last ?? .plain

    /// Why kernels do not run in the fastest set that there is; nil where they do.
    package var limitation: String? {
        let best = Self.available.last ?? .plain
        if self != best {
            return "kernels are held to \(rawValue) by \(Self.environmentVariable); this processor has \(best.rawValue)"
        }
        switch self {
        case .avx512, .neon: return nil
        case .plain: return "this processor has no instructions that there are fast kernels for; plain C runs"
        case .avx2: return "kernels run in avx2; this processor has no avx512, for which there are faster ones"
        }
    }

    /// Whether our sparse products by AVX-512 BF16 can run and are worth it: AMX tiles outrun them on expanded weights.
    var hasBFloat16Products: Bool {
        self == .avx512 && KernelTable.avx512BFloat16?.isAvailable ?? false
            && !ProcessorFeatures.current.contains(.amxBFloat16)
    }

    /// The C functions of linears.
    var kernels: esparse_linear_kernels { functions(\.linear) }

    /// The C functions of everything else in a model and of statistics.
    package var layerKernels: esparse_layer_kernels { functions(\.layer) }

    /// The C functions of shuffles and masks.
    package var shuffleKernels: esparse_shuffle_kernels { functions(\.shuffle) }

    /// The C loops that reach the machine's limits.
    var peakKernels: esparse_peak_kernels { functions(\.peak) }

    /// A group of the set's functions; a set that is available has all of them.
    private func functions<Group>(_ group: (KernelTable) -> Group?) -> Group {
        guard let functions = KernelTable(named: rawValue).flatMap(group) else {
            preconditionFailure("\(rawValue) kernels are not in this build")
        }
        return functions
    }
}
