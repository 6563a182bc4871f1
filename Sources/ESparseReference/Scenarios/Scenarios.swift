// The scenarios that every backend is held against the reference in.

import ESparseCore

/// Operations with odd and even sizes.
package enum Scenarios {
    /// Norms, embeddings and element-wise work.
    package static let layers: [any BackendScenario] = {
        var scenarios: [any BackendScenario] = []
        for tokens in [1, 2, 33] {
            for channels in [1, 7, 64, 577] {
                for kind in [NormalizationKind.rootMeanSquare, .layer] {
                    for isPermuted in [false, true] {
                        scenarios.append(
                            NormalizationScenario(
                                kind: kind, tokens: tokens, channels: channels, isPermuted: isPermuted,
                                hasWeights: channels != 7))
                    }
                }
            }
        }
        for kind in [NormalizationKind.rootMeanSquare, .layer] {
            for (tokens, runs, channels) in [(1, 3, 64), (5, 2, 7), (33, 9, 20), (2, 1, 1), (3, 5, 300)] {
                scenarios.append(
                    NormalizationScenario(
                        kind: kind, tokens: tokens, channels: channels, runs: runs, isPermuted: false, hasWeights: true)
                )
            }
        }
        for type in [ElementType.float32, .float16, .bfloat16] {
            for (channels, scale) in [(1, 1), (15, 3.873), (48, 1), (129, 11.3578)] as [(Int, Float)] {
                scenarios.append(EmbeddingScenario(type: type, channels: channels, scale: scale))
            }
        }
        for (tokens, channels) in [(1, 1), (5, 31), (70, 300)] {
            var operations = [ElementwiseScenario.Operation.add, .rows]
            for function in [ActivationFunction.silu, .relu, .gelu, .geluTanh] {
                operations += [.gate(function), .apply(function)]
            }
            for operation in operations {
                scenarios.append(ElementwiseScenario(kind: operation, tokens: tokens, channels: channels))
            }
        }
        return scenarios
    }()

    /// Linears and likelihoods.
    package static let linears: [any BackendScenario] = {
        var scenarios: [any BackendScenario] = []
        for tokens in [1, 3, 40, 70] {
            for pattern in [nil, SparsityPattern.twoOfFour, .fourOfEight] {
                for isAccumulated in [false, true] {
                    scenarios.append(
                        LinearScenario(
                            tokens: tokens, rows: 37, columns: 72, pattern: pattern, isAccumulated: isAccumulated,
                            hasBias: tokens != 3))
                }
            }
            for question in [HeadScenario.Question.logits, .likelihoods] {
                for softCap in [nil, 3] as [Float?] {
                    scenarios.append(
                        HeadScenario(
                            question: question, tokens: tokens, channels: 48, vocabulary: 301, softCap: softCap))
                }
            }
        }
        return scenarios
    }()

    /// Attention over several calls.
    package static let attentions: [any BackendScenario] = {
        var scenarios: [any BackendScenario] = []
        for size in [8, 20, 64, 80, 128] {
            for (heads, keyValueHeads) in [(2, 2), (6, 2), (4, 1)] {
                scenarios.append(
                    AttentionScenario(
                        headCount: heads, keyValueHeadCount: keyValueHeads, headSize: size, frequencyCount: size / 2,
                        isPermuted: heads == 6, calls: [[70], [1], [2], [9]]))
            }
        }
        for tokens in [1, 2, 3, 5, 16, 31, 63, 64, 65] {
            scenarios.append(
                AttentionScenario(
                    headCount: 3, keyValueHeadCount: 1, headSize: 20, frequencyCount: tokens % 2 == 0 ? 5 : 0,
                    isPermuted: tokens > 4, calls: [[tokens]]))
        }
        // Several sequences at different places, prompts and single tokens mixed.
        scenarios.append(
            AttentionScenario(
                headCount: 6, keyValueHeadCount: 2, headSize: 16, frequencyCount: 8, isPermuted: true,
                calls: [[5, 0, 40], [1, 1, 1], [0, 30, 1], [1, 2, 25]]))
        // Prompts of several sequences with heads of a size that GPUs have tiles for.
        scenarios.append(
            AttentionScenario(
                headCount: 2, keyValueHeadCount: 1, headSize: 64, frequencyCount: 32, isPermuted: true,
                calls: [[20, 18, 3], [1, 30, 17]]))
        // Pieces of 256 keys that are merged; at 257 the second piece is hidden from the first row of two.
        scenarios.append(
            AttentionScenario(
                headCount: 3, keyValueHeadCount: 1, headSize: 16, frequencyCount: 8, isPermuted: false,
                calls: [[255], [2], [254], [1], [1], [2]]))
        return scenarios + windows + rotations
    }()

    /// Windows of one position, shorter and longer than the sequences, with capped scores and without.
    private static let windows: [any BackendScenario] = {
        var scenarios: [any BackendScenario] = []
        for (window, softCap) in [(1, nil), (2, 1.5), (9, nil), (64, 50), (71, nil), (1000, 0.7)] as [(Int, Float?)] {
            for size in [20, 64] {
                scenarios.append(
                    AttentionScenario(
                        headCount: 6, keyValueHeadCount: 2, headSize: size, frequencyCount: size / 4,
                        isPermuted: size == 20, window: window, softCap: softCap, calls: [[70], [1], [2], [9]]))
            }
            scenarios.append(
                AttentionScenario(
                    headCount: 3, keyValueHeadCount: 1, headSize: 16, frequencyCount: 8, isPermuted: true,
                    window: window, softCap: softCap, calls: [[5, 0, 40], [1, 1, 1], [0, 30, 1], [1, 2, 25]]))
        }
        scenarios.append(
            AttentionScenario(
                headCount: 2, keyValueHeadCount: 1, headSize: 128, frequencyCount: 64, isPermuted: false, softCap: 2,
                calls: [[20, 18, 3], [1, 30, 17]]))
        // Tiles of which whole strips see none of a step's keys, and pieces that start anywhere.
        for (window, softCap) in [(3, 1), (100, nil), (255, 2), (256, nil), (257, 50)] as [(Int, Float?)] {
            scenarios.append(
                AttentionScenario(
                    headCount: 2, keyValueHeadCount: 2, headSize: 64, frequencyCount: 8, isPermuted: false,
                    window: window, softCap: softCap, calls: [[330, 20], [1, 255], [4, 1]]))
        }
        return scenarios
    }()

    /// Turns of a part of the channels, larger ones, and other ones in long sequences, which some outgrow and others do not.
    private static let rotations: [any BackendScenario] = {
        var scenarios: [any BackendScenario] = []
        for frequencyCount in [2, 12, 32] {
            for shortPositions in [nil, 0, 25, 400] as [Int?] {
                scenarios.append(
                    AttentionScenario(
                        headCount: 2, keyValueHeadCount: 1, headSize: 64, frequencyCount: frequencyCount,
                        isPermuted: false, rotaryScale: 1.19, shortPositions: shortPositions,
                        calls: [[20, 40, 3], [6, 1, 2], [1, 1, 30]]))
            }
        }
        return scenarios
    }()

    /// Sizes of real layers, for devices that are fast.
    package static let large: [any BackendScenario] = {
        var scenarios: [any BackendScenario] = []
        for tokens in [1, 16, 17, 100, 512] {
            for pattern in [nil, SparsityPattern.twoOfFour, .fourOfEight, SparsityPattern(kept: 1, group: 4)] {
                scenarios.append(
                    LinearScenario(
                        tokens: tokens, rows: 240, columns: 2048, pattern: pattern, isAccumulated: tokens % 2 == 0,
                        hasBias: tokens != 100))
            }
        }
        scenarios.append(
            HeadScenario(question: .likelihoods, tokens: 130, channels: 512, vocabulary: 20_000, softCap: 30))
        for (heads, keyValueHeads, size) in [(8, 8, 128), (8, 2, 64), (4, 4, 80), (4, 4, 96)] {
            scenarios.append(
                AttentionScenario(
                    headCount: heads, keyValueHeadCount: keyValueHeads, headSize: size, frequencyCount: size / 2,
                    isPermuted: size == 64, window: size == 128 ? 130 : nil, softCap: size == 96 ? 20 : nil,
                    calls: [[300, 0], [1, 5], [2, 200], [17, 1]]))
        }
        for kind in [NormalizationKind.rootMeanSquare, .layer] {
            scenarios.append(
                NormalizationScenario(kind: kind, tokens: 300, channels: 4096, isPermuted: true, hasWeights: true))
        }
        return scenarios
    }()
}
