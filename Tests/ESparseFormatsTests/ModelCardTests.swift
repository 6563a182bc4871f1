// Model cards: the whole text of one, what is carried over from the source's card, and hostile front matter.

import ESparseCore
import ESparseFormats
import ESparseTestSupport
import FoundationEssentials
import Testing

@Suite struct ModelCardTests {
    private static let source = """
        ---
        language:
        - en
        license: 'other'
        license_name: tiny-licence
        license_link: https://example.org/LICENSE
        tags: [a, b]
        ---
        # The original
        license: never
        """

    /// A folder of a source with this card, and its path.
    private func folder(_ card: String, in folder: TemporaryFolder, at path: String = "") throws -> String {
        let path = folder.path + path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, bytes) in [
            ("config.json", Array("{}".utf8)), ("README.md", Array(card.utf8)),
            ("model.safetensors", try FileSystem.read(fixture("tiny-llama.safetensors"))),
        ] { try Data(bytes).write(to: URL(filePath: path + "/" + name)) }
        return path
    }

    @Test func aCardSaysWhatWasDone() throws {
        var origin = ModelOrigin()
        origin.hubName = "org/Tiny-1M"
        origin.license = "apache-2.0"
        let linears = (0..<2).map { SparseCheckpointTests.record("model.layers.\($0).mlp.up_proj.weight") }
        let run = PruningRun(
            toolVersion: "1", method: "e-sparse", pattern: .twoOfFour, storage: .packed,
            settings: ["alpha": "1", "shuffle": "both", "refine": "true", "samples": "8", "sequence-length": "64"],
            inputs: ["model": "abc", "calibration": "self"])
        let card = ModelCard(manifest: SparseManifest(run: run, linears: linears), origin: origin).markdown
        let expected = """
            ---
            base_model: org/Tiny-1M
            library_name: esparse
            license: apache-2.0
            pipeline_tag: text-generation
            tags:
            - esparse
            - sparse
            - pruned
            - "2:4"
            ---

            # Tiny-1M, 2:4 sparse

            Made from [org/Tiny-1M](https://huggingface.co/org/Tiny-1M) by esparse 1, without retraining.
            Every row of a pruned linear layer keeps 2 of each 4 weights that stand together in the layer's
            order of channels, which is shuffled where the table of layers says so; the others are 0.

            | | |
            |---|---|
            | method | `e-sparse`, masks refined by the outputs' error |
            | pattern | 2:4 |
            | pruned | 2 linear layers of the decoder blocks |
            | shuffle | `both` |
            | calibration | 8 sequences of 64 tokens of text that the dense model wrote itself |
            | stored | packed: kept weights and a bitmask, which esparse runs as they are |
            | loss | not measured; `esparse evaluate` measures it on your text |
            | settings | `alpha` 1 |

            ## Layers

            Shares are means over the blocks.

            | linear | pruned | weights not 0 | shuffled | saliency kept |
            |---|--:|--:|--:|--:|
            | `mlp.up_proj` | 2 | 43.75 % | 2 | 75.0 % |

            ## Use

            ```console
            esparse generate . --prompt "Photosynthesis is the process by which"
            esparse evaluate . --text text.txt --sequence-length 2048
            esparse inspect .
            ```

            `esparse export . --output dense --format safetensors` (or `gguf`) writes the same model dense, for other tools.
            `esparse.json` has every setting, and the figures of every layer.

            The licence is that of the original model (apache-2.0).

            """
        #expect(String(decoding: card, as: UTF8.self) == expected)
    }

    @Test func aBudgetsLossIsMeasured() {
        let budget = BudgetRecord(
            percent: 10, rise: 8.126, heldOutSequences: 16, pattern: .twoOfFour, keptDense: ["a", "b"], bytes: 2,
            bytesWithoutBudget: 1, trials: [])
        let manifest = SparseManifest(run: SparseCheckpointTests.run, linears: [], budget: budget)
        let card = String(decoding: ModelCard(manifest: manifest, origin: ModelOrigin()).markdown, as: UTF8.self)
        #expect(card.contains("| loss | perplexity of 16 held-out sequences rose by 8.13 % (10.0 % allowed) |"))
        #expect(
            card.contains("| pruned | 0 linear layers of the decoder blocks; 2 left dense to stay within the budget |"))
        #expect(card.contains("# 2:4 sparse\n\nMade from a dense model by") && !card.contains("base_model"))
    }

    @Test func whatTheSourcesCardSaysIsCarriedOver() throws {
        let temporary = try TemporaryFolder()
        let plain = try Checkpoint.open(folder(Self.source, in: temporary)).origin
        #expect(plain.license == "other" && plain.licenseName == "tiny-licence" && plain.hubName == nil)
        #expect(plain.licenseLink == "https://example.org/LICENSE")
        let cached = try folder(Self.source, in: temporary, at: "/models--org--a--b/snapshots/1234")
        #expect(try Checkpoint.open(cached).origin.hubName == "org/a--b")
    }

    @Test(arguments: [
        "", "---", "---\nlicense: mit", "license: mit\n---\n", "---\n  license: mit\n---\n", "---\nlicense: a|b\n---\n",
        "---\nlicense: \"a\nb\"\n---\n", "---\nlicense: [mit]\n---\n", "---\nlicense:\n---\n",
    ]) func whatIsNoSettingIsLeftOut(_ card: String) throws {
        let temporary = try TemporaryFolder()
        #expect(try Checkpoint.open(folder(card, in: temporary)).origin == ModelOrigin())
    }

    @Test func aListsFirstItemCounts() throws {
        let temporary = try TemporaryFolder()
        let path = try folder("---\nlicense:\n  - \"mit\"\n  - gpl\n---\n", in: temporary)
        #expect(try Checkpoint.open(path).origin.license == "mit")
    }

    @Test func hostileCards() {
        FuzzTests.fuzz([Array(Self.source.utf8)], stream: 50) { bytes in
            guard FrontMatter(bytes)["license"] != nil else { throw FormatError.unfinishedRun(path: "") }
        }
    }

    @Test func licencesAreCopied() throws {
        let temporary = try TemporaryFolder()
        for name in ["LICENSE", "license.txt", "NOTICE.md", "USE_POLICY.md", "tokenizer.json", "other.txt"] {
            try temporary.write(Array(name.utf8), to: name)
        }
        try temporary.write([UInt8](repeating: 65, count: 1 << 20 + 1), to: "LICENSE-long")
        try FileManager.default.createDirectory(
            atPath: temporary.path + "/LICENSES", withIntermediateDirectories: true)
        let files = try CompanionFiles.read(from: temporary.path)
        #expect(
            files.keys.sorted() == ["LICENSE", "NOTICE.md", "USE_POLICY.md", "license.txt", "tokenizer.json"])
        #expect(files["NOTICE.md"] == Array("NOTICE.md".utf8))
    }
}
