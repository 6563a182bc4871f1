// The forward pass on the CPU backend: single precision as close as the reference, bfloat16 near it.

import ESparseCPU
import ESparseCore
import ESparseModels
import ESparseTestSupport
import Testing

@Suite struct CPUForwardTests {
    let checks: ForwardChecks<CPUBackend>

    init() throws {
        checks = ForwardChecks(backend: try CPUBackend(precision: .float32, threadCount: 2))
    }

    @Test(arguments: ModelFixture.names) func equalsTransformers(_ name: String) throws {
        try checks.equalsTransformers(name)
    }

    @Test(arguments: ModelFixture.names) func cachedEqualsWhole(_ name: String) throws {
        try checks.cachedEqualsWhole(name)
    }

    @Test(
        arguments: [
            "llama-head-size", "llama-llama3-rope-old", "opt-plain", "opt-projected-post-norm", "mistral-window",
            "qwen3", "gemma2", "gemma3-text", "phi3", "olmo2",
        ])
    func batchedEqualsSingle(_ name: String) throws {
        try checks.batchedEqualsSingle(name)
    }

    @Test(arguments: ModelFixture.names) func shuffledEqualsPlain(_ name: String) throws {
        try checks.shuffledEqualsPlain(name)
    }

    @Test(arguments: ["llama-linear-rope", "opt-plain"] + ModelFixture.families)
    func packedEqualsDense(_ name: String) throws {
        try checks.packedEqualsDense(name)
    }

    @Test(arguments: ["llama-grouped-tied", "opt-projected-untied", "gemma2", "gemma3-text-old"])
    func likelihoods(_ name: String) throws {
        try checks.likelihoodsEqualLogits(name)
    }

    /// bfloat16 keeps 8 bits of a product's factors: about 1% of the largest logit after some layers.
    @Test(arguments: ModelFixture.names) func bfloat16IsNear(_ name: String) throws {
        let backend = try CPUBackend(precision: .bfloat16, threadCount: 2)
        try ForwardChecks(backend: backend, tolerance: 0.05).equalsTransformers(name)
    }
}
