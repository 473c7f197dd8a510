package protocol

import (
	"slices"
	"testing"
)

// TestHas_AgreesWithEachRevision lists, for each revision, what it has that others have not.
func TestHas_AgreesWithEachRevision(t *testing.T) {
	have := map[string][]Feature{
		V20241105: {Handshake, ServerQuestions, HTTPSSE, RootsListChanged, NotFoundCode},
		V20250326: {
			Handshake, ServerQuestions, StreamableHTTP, SessionIDs, Resumption, Batches, Audio, ToolAnnotations, Completions, ProgressMessages,
			RootsListChanged, NotFoundCode,
		},
		V20250618: {
			Handshake, ServerQuestions, StreamableHTTP, SessionIDs, Resumption, VersionHeader, Audio, ResourceLinks, Structured, ToolAnnotations,
			Titles, Completions, CompletionContext, ProgressMessages, Elicitation, RootsListChanged, NotFoundCode,
		},
		V20251125: {
			Handshake, ServerQuestions, StreamableHTTP, SessionIDs, Resumption, PrimingEvents, VersionHeader, Audio, ResourceLinks, Structured,
			ToolAnnotations, Titles, Icons, ToolExecution, Completions, CompletionContext, ProgressMessages, SamplingTools, Elicitation,
			ElicitationModes, ElicitationIDs, ElicitationEnums, RootsListChanged, TasksCore, NotFoundCode,
		},
		V20260728: {
			MultiRound, RequestMeta, StreamableHTTP, VersionHeader, MirroredHeaders, Audio, ResourceLinks, Structured, StructuredAny,
			ToolAnnotations, Titles, Icons, Completions, CompletionContext, ProgressMessages, SamplingTools, Elicitation, ElicitationModes,
			ElicitationEnums, TasksExtension, ResultTypes, CacheHints,
		},
	}
	for _, v := range Supported() {
		for f := range featureCount {
			if got, want := Has(v, f), slices.Contains(have[v], f); got != want {
				t.Errorf("%s has feature %d: %v, want %v", v, f, got, want)
			}
		}
	}
	for f := range featureCount {
		if features[f].first == "" {
			t.Errorf("feature %d is not in the table", f)
		}
		if Has("", f) || Has("draft", f) && !Has(Newest, f) || Has("2027-01-01", f) != Has(Newest, f) {
			t.Errorf("feature %d of revisions that we do not know", f)
		}
	}
	if Has(Newest, featureCount) {
		t.Error("there is a feature beyond the last")
	}
}
