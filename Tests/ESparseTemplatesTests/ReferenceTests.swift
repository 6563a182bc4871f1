// Templates render byte for byte as transformers renders them, and fail where it fails.

import ESparseFormats
import ESparseTemplates
import Testing

@Suite struct ReferenceTests {
    /// What a template makes of variables, in the golden files' terms.
    private enum Outcome: Equatable {
        case text([UInt8])
        case raised(String)
        case fails
    }

    private static func outcome(_ render: () throws -> RenderedText) -> Outcome {
        do {
            return .text(try render().bytes)
        } catch TemplateError.raised(_, let message) {
            return .raised(message)
        } catch {
            return .fails
        }
    }

    @Test func featuresEqualTheReference() throws {
        let golden = try TemplateFixtures.json("features.json")
        let variables = TemplateFixtures.members(golden["variables"])
        let cases = try #require(golden["cases"]?.array)
        #expect(cases.count > 280)
        for golden in cases {
            let source = try #require(golden["template"]?.text)
            let outcome = ReferenceTests.outcome {
                try Template(source).render(variables, clock: TemplateFixtures.clock)
            }
            let expected: Outcome =
                if let text = golden["text"]?.bytes { .text(text) } else if let message = golden["raised"]?.text {
                    .raised(message)
                } else { .fails }
            #expect(outcome == expected, "\(source.debugDescription)")
        }
    }

    /// jinja gives syntax errors the line at which it notices them; so do we.
    @Test func syntaxErrorsNameTheLine() throws {
        let golden = try TemplateFixtures.json("features.json")
        var count = 0
        for golden in try #require(golden["cases"]?.array) {
            guard let line = golden["line"]?.integer, let source = golden["template"]?.text else { continue }
            do {
                _ = try Template(source)
                Issue.record("no error for \(source.debugDescription)")
            } catch TemplateError.syntax(let found, _) {
                #expect(found == line, "\(source.debugDescription)")
                count += 1
            }
        }
        #expect(count > 30)
    }

    @Test(
        .enabled(
            if: TemplateFixtures.hasRealTemplates,
            "scripts/templates.sh fetches the templates of well-known models; 'scripts/templates.sh llama.cpp' fetches more"
        ))
    func wellKnownTemplatesEqualTheReference() throws {
        let golden = try TemplateFixtures.json("families.json")
        let tokens = TemplateFixtures.members(golden["specialTokens"]).compactMapValues(\.text)
        let scenarios = try #require(golden["scenarios"]?.array)
        let real = try TemplateFixtures.realTemplates()
        var families: Set<String> = []
        var texts = 0
        for golden in try #require(golden["templates"]?.array) {
            guard let name = golden["name"]?.text, let source = golden["digest"]?.text.flatMap({ real[$0] }) else {
                continue
            }
            families.insert(name)
            let template = try Template(source)
            for (scenario, expected) in zip(scenarios, golden["rendered"]?.array ?? []) {
                let variables = TemplateFixtures.conversation(scenario).variables
                var found = "fails"
                switch ReferenceTests.outcome({
                    try template.render(variables, texts: tokens, clock: TemplateFixtures.clock)
                }) {
                case .text(let bytes):
                    found = "\(bytes.count):\(digest(bytes))"
                    texts += 1
                case .raised(let message): found = "raised \(message)"
                case .fails: break
                }
                #expect(found == expected.text?.replacing("\n", with: " "), "\(name), \(scenario["name"]?.text ?? "")")
            }
        }
        print("templates of \(families.count) models, \(texts) texts")
        #expect(families.count >= 36)
        for family in [
            "llama3_2_vision", "qwen_25", "qwen3", "mistral_v3_tekken", "gemma3", "phi_35", "command_a", "jamba",
        ] {
            #expect(families.contains("axolotl/\(family)"))
        }
    }
}
