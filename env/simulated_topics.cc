// The words that built-in queries are made of.

#include "env/simulated_queries.h"

namespace yardmaster::env {
namespace {

using Text = std::string_view;

constexpr Text kCodeForms[] = {
    "Write a Python function that models {}.",
    "Write unit tests for a class that handles {}.",
    "My program crashes with a null pointer when it loads {}. How do I debug it?",
    "Refactor this loop so that the code for {} compiles without warnings.",
    "Which data structure should my program use to store {}?",
    "Design a REST API with endpoints for {}.",
    "Write an SQL query that joins two tables about {}.",
    "How do I deploy a service for {} with Docker?",
    "Review my pull request: it adds a parser for {}.",
    "Explain the time complexity of a program that sorts {}.",
};
constexpr Text kCodeSubjects[] = {
    "a binary search tree",   "a thread pool",         "an LRU cache",        "JSON documents",
    "a message queue",        "regular expressions",   "a linked list",       "database migrations",
    "asynchronous callbacks", "git branches",          "memory leaks in C++", "a web socket server",
    "recursive functions",    "environment variables", "a type checker",      "log files",
};

constexpr Text kMathsForms[] = {
    "Prove a theorem about {}.",
    "Solve this equation that describes {} for x.",
    "What is the probability distribution of {}?",
    "Calculate the derivative of a formula for {}.",
    "Give an algebraic definition of {}.",
    "Derive a closed form, by induction, for {}.",
    "How many combinations of {} are possible? Count them.",
    "Estimate the variance of a sample of {}.",
    "Draw the graph and find the maximum of {}.",
    "State a geometric argument about {}.",
};
constexpr Text kMathsSubjects[] = {
    "prime numbers",
    "eigenvalues of a symmetric matrix",
    "an infinite geometric series",
    "the integral of a polynomial",
    "two fair dice",
    "right-angled triangles",
    "the quadratic formula",
    "complex roots",
    "a Markov chain",
    "modular arithmetic",
    "a linear regression",
    "vectors in three dimensions",
    "logarithms",
    "the normal distribution",
    "a convex function",
    "permutations of seven letters",
};

constexpr Text kLawForms[] = {
    "Is a contract about {} enforceable if one party never signed it?",
    "Draft a clause that limits liability for {}.",
    "Which court has jurisdiction in a dispute about {}?",
    "What are my legal rights as a consumer concerning {}?",
    "Summarise the case law and precedents on {}.",
    "Can my employer dismiss me because of {}?",
    "What must a privacy policy say about {} under the regulation?",
    "Write a formal letter from a lawyer to the tribunal about {}.",
    "Does negligence apply to {}, and who bears the burden of proof?",
    "Explain the statute that governs {} to a jury.",
};
constexpr Text kLawSubjects[] = {
    "a landlord's deposit",       "copyright of photographs",
    "a breach of warranty",       "inheritance without a will",
    "a non-compete agreement",    "personal data of customers",
    "a trademark on a slogan",    "unpaid overtime",
    "custody of children",        "a parking fine",
    "power of attorney",          "defamation in a newspaper",
    "a tenant's eviction notice", "the right of withdrawal",
    "a patent licence",           "shareholder voting",
};

constexpr Text kMedicineForms[] = {
    "What are the symptoms of {} in adults?",
    "Which treatment do doctors recommend for {}?",
    "How is {} diagnosed in a hospital?",
    "What side effects should a patient on tablets expect with {}?",
    "Explain the physiology behind {} to a nursing student.",
    "Is it safe to exercise while recovering from {}?",
    "What does a clinical trial say about {}?",
    "When should a patient see a doctor about {}?",
    "Describe how the immune system reacts to {}.",
    "How does {} affect blood pressure and heart rate?",
};
constexpr Text kMedicineSubjects[] = {
    "type 2 diabetes",
    "a migraine",
    "asthma",
    "a sprained ankle",
    "high cholesterol",
    "seasonal allergies",
    "iron deficiency",
    "chronic insomnia",
    "a bacterial infection",
    "the measles vaccine",
    "kidney stones",
    "lower back pain",
    "anxiety",
    "a concussion",
    "pneumonia",
    "antibiotic resistance",
};

constexpr Text kFinanceForms[] = {
    "How do I account for {} on the balance sheet?",
    "What is the tax treatment of {}?",
    "Build a cash flow forecast for a company that sells {}.",
    "Should an investor buy shares in a business built on {}?",
    "Compare the risk and return of {} with savings in a bank.",
    "What budget should a household set aside for {}?",
    "How does inflation change the price of {}?",
    "Write a short report for the board on quarterly spending on {}.",
    "How do banks value {} as collateral for a loan?",
    "Explain the market for {} to a new trader.",
};
constexpr Text kFinanceSubjects[] = {
    "compound interest",  "government bonds",   "a fixed-rate mortgage",
    "index funds",        "stock options",      "depreciation of machines",
    "exchange rates",     "a pension plan",     "working capital",
    "credit card debt",   "dividend payments",  "an initial public offering",
    "supply chain costs", "insurance premiums", "carbon credits",
    "venture capital",
};

constexpr Text kHistoryForms[] = {
    "What caused {} in the nineteenth century?",
    "Compare how two empires dealt with {}.",
    "Which primary sources do historians have about {}?",
    "Describe daily life in a medieval town in the shadow of {}.",
    "How did {} change the balance of power in Europe?",
    "Who were the leading figures of {}, and what became of them?",
    "Write a timeline of {} with the main dates.",
    "Was {} inevitable? Argue as a historian would.",
    "What did ancient writers think of {}?",
    "How is {} remembered in museums today?",
};
constexpr Text kHistorySubjects[] = {
    "the fall of Constantinople",
    "the French Revolution",
    "the Silk Road",
    "the Black Death",
    "the Roman Republic",
    "the Industrial Revolution",
    "the Congress of Vienna",
    "the Ottoman navy",
    "the Age of Sail",
    "the printing press",
    "the Hanseatic League",
    "the Meiji restoration",
    "the Peloponnesian War",
    "the Treaty of Westphalia",
    "the Viking settlements",
    "the building of the pyramids",
};

constexpr Text kWritingForms[] = {
    "Write a poem about {}.",
    "Write the opening paragraph of a novel set around {}.",
    "Turn this draft about {} into a warm and friendly email.",
    "Invent three metaphors for {}.",
    "Write a dialogue between two characters who argue about {}.",
    "Suggest a title and a subtitle for an essay on {}.",
    "Rewrite this paragraph about {} in plain English.",
    "Write a limerick that rhymes on {}.",
    "Tell a bedtime story in which {} saves the day.",
    "Give feedback on the tone and style of my article about {}.",
};
constexpr Text kWritingSubjects[] = {
    "an old lighthouse", "a talking fox",       "the first snow",        "a lost letter",
    "two rival sisters", "the last train home", "a clockmaker's secret", "an abandoned garden",
    "a quiet rebellion", "the sound of rain",   "a stubborn dragon",     "a stranger at the door",
    "growing older",     "a city under water",  "the colour blue",       "an unexpected friendship",
};

constexpr Text kEverydayForms[] = {
    "What should I cook tonight if I have only {} at home?",
    "Plan a weekend trip for a family that loves {}.",
    "How do I clean the kitchen after {}?",
    "Recommend a present for a friend who is fond of {}.",
    "What is a good way to explain {} to a five-year-old?",
    "Help me choose between two hotels near {}.",
    "How do I persuade my neighbour to help with {}?",
    "Make a shopping list for a party with {}.",
    "What should I pack for a holiday with {}?",
    "Give me tips for taking good photos of {}.",
};
constexpr Text kEverydaySubjects[] = {
    "tomatoes and stale bread",
    "a camping stove",
    "a puppy",
    "board games",
    "a birthday cake",
    "the seaside in October",
    "house plants",
    "a bicycle tour",
    "a picnic in the park",
    "leftover rice",
    "a noisy washing machine",
    "mountain huts",
    "a vegetable garden",
    "a long train ride",
    "homemade pizza",
    "an old sofa",
};

constexpr std::array<TopicText, kTopics> kTopicTexts{{
    {"code", kCodeForms, kCodeSubjects},
    {"maths", kMathsForms, kMathsSubjects},
    {"law", kLawForms, kLawSubjects},
    {"medicine", kMedicineForms, kMedicineSubjects},
    {"finance", kFinanceForms, kFinanceSubjects},
    {"history", kHistoryForms, kHistorySubjects},
    {"writing", kWritingForms, kWritingSubjects},
    {"everyday", kEverydayForms, kEverydaySubjects},
}};

constexpr AnswerStyle kStyles[] = {
    {"", 1.0, 0.0},
    {" Keep it short.", 0.4, -0.03},
    {" Answer in one sentence.", 0.2, -0.02},
    {" Go through it step by step.", 1.5, 0.02},
    {" Give an example.", 1.2, 0.0},
    {" Be thorough and mention every exception.", 2.0, 0.07},
    {" I am a beginner, so avoid jargon.", 1.1, -0.02},
    {" I am an expert; skip the basics.", 1.0, 0.06},
    {" Put the result in a table.", 0.9, 0.04},
};

}  // namespace

const std::array<TopicText, kTopics>& simulated_topics() { return kTopicTexts; }

std::span<const AnswerStyle> simulated_styles() { return kStyles; }

}  // namespace yardmaster::env
