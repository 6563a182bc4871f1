// swift-tools-version: 6.2
// The package: one folder a target, top depends on bottom (docs/architecture.md has the picture).

import PackageDescription

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// C is optimised in debug builds too: numerical tests are unbearably slow at -O0.
let optimised: [CSetting] = [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]

func nio(_ product: String) -> Target.Dependency { .product(name: product, package: "swift-nio") }

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

/// What some targets' tests need beside the target itself.
let testedWith: [String: [Target.Dependency]] = [
    "CUDA": ["ESparseDeviceChecks", "ESparseFormats"],
    "Templates": ["ESparseFormats"],
    "Tokenizers": ["ESparseTemplates", "ESparseFormats"],
    "Models": ["ESparseFormats", "ESparseCPU", "ESparseCUDA"],
    "Pruning": ["ESparseFormats", "ESparseCUDA", "ESparseCPU", "ESparseModels"],
    "Measurement": ["ESparseRuntime", "ESparseFormats", "ESparseCUDA", "ESparseCPU", "ESparseModels"],
    "Evaluation": ["ESparseFormats", "ESparseCPU", "ESparseModels", "ESparseTokenizers"],
    "Runtime": ["ESparseFormats", "ESparseCPU", "ESparseCUDA", "ESparseModels", "ESparseTokenizers"],
    "Report": ["ESparseEvaluation"],
    "Reproduction": ["ESparseReport", "ESparseMeasurement", "ESparseFormats", "ESparseModels"],
    "Hub": ["ESparseFormats", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"), crypto],
]

/// Targets whose tests read files of their own, where they lie in the source tree.
let testedWithFixtures: Set = ["CUDA", "Evaluation", "Formats", "Models", "Pruning", "Templates", "Tokenizers"]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

/// What a program that links ESparse can import.
let libraries = [
    "ESparseMeasurement", "ESparseRuntime", "ESparseEvaluation", "ESparsePruning", "ESparseModels", "ESparseTokenizers",
    "ESparseTemplates", "ESparseFormats", "ESparseCPU", "ESparseCore",
]

let package = Package(
    name: "ESparse",
    products: [
        .executable(name: "esparse", targets: ["ESparseCommand"]),
        .library(name: "ESparse", targets: libraries),
        // Apart from the others, since it brings an HTTP client.
        .library(name: "ESparseHub", targets: ["ESparseHub"]),
        // For the package in Benchmarks alone.
        .library(name: "ESparseMicrobenchmarks", targets: ["ESparseMicrobenchmarks"]),
        // Carried to a machine with a GPU to check it (scripts/gpu.sh).
        .executable(name: "esparse-selftest", targets: ["ESparseSelfTest"]),
        // NVIDIA's libraries, emulated on the host: tests load it in their place.
        .library(name: "ESparseEmulatedCUDA", type: .dynamic, targets: ["ESparseEmulatedCUDA"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-numerics", exact: "1.1.1"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", exact: "1.5.0"),
    ],
    targets: [
        .executableTarget(
            name: "ESparseCommand",
            dependencies: [
                "ESparseReproduction", "ESparseReport", "ESparseMeasurement", "ESparseRuntime", "ESparseEvaluation",
                "ESparsePruning", "ESparseModels", "ESparseTokenizers", "ESparseHub", "ESparseFormats", "ESparseCUDA",
                "ESparseCPU", "ESparseCore", argumentParser,
            ],
            swiftSettings: strict),
        .target(
            name: "ESparseReproduction",
            dependencies: [
                "ESparseReport", "ESparseMeasurement", "ESparseEvaluation", "ESparsePruning", "ESparseModels",
                "ESparseFormats", "ESparseCPU", "ESparseCore",
            ],
            swiftSettings: strict),
        .target(
            name: "ESparseReport", dependencies: ["ESparseEvaluation", "ESparseFormats", "ESparseCore"],
            swiftSettings: strict),
        .target(
            name: "ESparseMeasurement",
            dependencies: [
                "ESparseReport", "ESparseRuntime", "ESparseModels", "ESparseFormats", "ESparseCUDA", "ESparseCPU",
                "ESparseCore",
            ],
            swiftSettings: strict),
        .target(
            name: "ESparseMicrobenchmarks",
            dependencies: ["ESparseMeasurement", "ESparsePruning", "ESparseTokenizers", "ESparseCPU", "ESparseCore"],
            swiftSettings: strict),
        .target(
            name: "ESparseRuntime",
            dependencies: [
                "ESparseModels", "ESparseTokenizers", "ESparseFormats", "ESparseCUDA", "ESparseCPU", "ESparseCore",
            ],
            swiftSettings: strict),
        .target(
            name: "ESparseEvaluation",
            dependencies: ["ESparseModels", "ESparseTokenizers", "ESparseFormats", "ESparseCore"],
            swiftSettings: strict),
        .target(
            name: "ESparsePruning",
            dependencies: [
                "ESparseModels", "ESparseTokenizers", "ESparseFormats", "ESparseCPU", "ESparseCore", "CESparseCPU",
                "CESparseDNNL", "CESparseLAPACK",
            ],
            swiftSettings: strict),
        .target(name: "ESparseModels", dependencies: ["ESparseFormats", "ESparseCore"], swiftSettings: strict),
        .target(
            name: "ESparseTokenizers", dependencies: ["ESparseTemplates", "ESparseFormats", "ESparseCore"],
            swiftSettings: strict),
        .target(name: "ESparseTemplates", dependencies: ["ESparseFormats"], swiftSettings: strict),
        .target(
            name: "ESparseHub",
            dependencies: [
                "ESparseFormats", "ESparseCore", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"), crypto,
            ],
            swiftSettings: strict),
        .target(name: "ESparseFormats", dependencies: ["ESparseCore", "CZlib"], swiftSettings: strict),
        .target(
            name: "ESparseCPU",
            dependencies: ["ESparseCore", "CESparseCPU", "CESparseDNNL"],
            swiftSettings: strict),
        .target(
            name: "ESparseCUDA", dependencies: ["ESparseFormats", "ESparseCore", "CESparseCUDA"], exclude: ["Kernels"],
            swiftSettings: strict),
        .target(name: "CESparseCUDA", cSettings: optimised),
        .target(name: "CESparseCPU", cSettings: optimised),
        .target(name: "CESparseDNNL", cSettings: optimised, linkerSettings: [.linkedLibrary("dnnl")]),
        .target(name: "CESparseLAPACK", cSettings: optimised, linkerSettings: [.linkedLibrary("openblas")]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "ESparseReference", dependencies: ["ESparseCore"], swiftSettings: strict),
        .target(name: "ESparseCore", swiftSettings: strict),

        .executableTarget(
            name: "ESparseSelfTest", dependencies: ["ESparseDeviceChecks", "ESparseCUDA"], swiftSettings: strict),
        .target(
            name: "ESparseDeviceChecks", dependencies: ["ESparseCUDA", "ESparseReference", "ESparseCore"],
            swiftSettings: strict),
        .target(
            name: "ESparseEmulatedCUDA", path: "Tests/CUDAEmulation", sources: ["emulation.cpp", "Library"],
            publicHeadersPath: "Library/include",
            cxxSettings: [
                .define("ESPARSE_EMULATION"), .headerSearchPath("."),
                .headerSearchPath("../../Sources/ESparseCUDA/Kernels"),
                .unsafeFlags(["-O1", "-Wno-unknown-pragmas", "-Wno-missing-braces"]),
            ]),

        .target(
            name: "ESparseTestSupport",
            dependencies: ["ESparseReference", "ESparseModels", "ESparseCore"],
            path: "Tests/ESparseTestSupport",
            swiftSettings: strict),
    ]
        + [
            "Core", "CPU", "CUDA", "Formats", "Templates", "Tokenizers", "Models", "Pruning", "Evaluation", "Runtime",
            "Report", "Measurement", "Reproduction", "Hub",
        ].map { name in
            .testTarget(
                name: "ESparse\(name)Tests",
                dependencies: (testedWith[name] ?? [])
                    + (name == "Core" ? [] : [.target(name: "ESparse\(name)")]) + [
                        "ESparseCore", "ESparseReference", "ESparseTestSupport",
                        .product(name: "Numerics", package: "swift-numerics"),
                    ],
                exclude: testedWithFixtures.contains(name) ? ["Fixtures"] : [],
                swiftSettings: strict)
        },
    cxxLanguageStandard: .cxx20
)
