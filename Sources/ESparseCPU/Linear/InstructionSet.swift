// Which SIMD instructions our own kernels use: chosen once from the processor, overridable by environment and tests.

internal import CESparseCPU

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A set of instructions that there are kernels for.
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

    /// The sets this processor has, plainest first.
    package static let available: [InstructionSet] = {
        let processor = esparse_detect_processor()
        return allCases.filter { set in
            switch set {
            case .plain: true
            case .avx2: processor.has_avx2 != 0
            case .avx512: processor.has_avx512 != 0
            case .neon: processor.has_neon != 0
            }
        }
    }()

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

    /// Why kernels do not use the richest instructions that there are kernels for; nil where they do.
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

    /// The set's number in C.
    var number: Int32 {
        switch self {
        case .plain: Int32(esparse_instruction_set_plain)
        case .avx2: Int32(esparse_instruction_set_avx2)
        case .avx512: Int32(esparse_instruction_set_avx512)
        case .neon: Int32(esparse_instruction_set_neon)
        }
    }

    /// Whether our sparse products by AVX-512 BF16 run, and pay: AMX tiles outrun them on expanded weights.
    var hasBFloat16Products: Bool { self == .avx512 && Self.processorHasBFloat16Products }

    private static let processorHasBFloat16Products: Bool = {
        let processor = esparse_detect_processor()
        return processor.has_bfloat16 != 0 && processor.has_amx == 0
    }()

    /// The C functions of linears.
    var kernels: esparse_linear_kernels {
        let table =
            switch self {
            case .plain: unsafe esparse_linear_kernels_plain()
            case .avx2: unsafe esparse_linear_kernels_avx2()
            case .avx512: unsafe esparse_linear_kernels_avx512()
            case .neon: unsafe esparse_linear_kernels_neon()
            }
        guard let table = unsafe table else { preconditionFailure("\(rawValue) kernels are not in this build") }
        return unsafe table.pointee
    }
}
