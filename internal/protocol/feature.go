package protocol

// Feature is something that MCP has in some revisions and not in others. (Not to be mixed up with
// mcpmux.Feature, which is what a Server offers.)
type Feature uint8

// What the revisions differ in, as far as the gateway minds.
const (
	Handshake         Feature = iota // initialize, and a state between client and server
	ServerQuestions                  // requests of the server: roots/list, sampling/createMessage, elicitation/create
	MultiRound                       // questions in results instead, answered in the retry
	RequestMeta                      // version, capabilities and client info in every request's _meta
	HTTPSSE                          // the transport of two endpoints
	StreamableHTTP                   // the transport of one endpoint
	SessionIDs                       // Mcp-Session-Id, the GET stream and DELETE
	Resumption                       // event ids and Last-Event-ID
	PrimingEvents                    // an empty first event with an id, and retry, so that streams may be polled
	Batches                          // JSON-RPC batches
	VersionHeader                    // MCP-Protocol-Version
	MirroredHeaders                  // Mcp-Method, Mcp-Name, Mcp-Param-*
	Audio                            // audio content
	ResourceLinks                    // resource_link content
	Structured                       // structuredContent and outputSchema, objects
	StructuredAny                    // the same of any JSON type
	ToolAnnotations                  // hints about what a tool does
	Titles                           // title beside name
	Icons                            // icons
	ToolExecution                    // a tool's execution, which says whether it runs as a task
	Completions                      // the capability completions; without it the method is just there
	CompletionContext                // context in completion/complete
	ProgressMessages                 // message in notifications/progress
	SamplingTools                    // tools in sampling, and several blocks in a message
	Elicitation                      // elicitation by a form
	ElicitationModes                 // mode, and elicitation by URL
	ElicitationIDs                   // elicitationId, error -32042 and notifications/elicitation/complete
	ElicitationEnums                 // choices with titles, several choices
	RootsListChanged                 // notifications/roots/list_changed
	TasksCore                        // tasks as part of the protocol
	TasksExtension                   // tasks as an extension
	ResultTypes                      // resultType
	CacheHints                       // ttlMs and cacheScope
	NotFoundCode                     // error -32002 for a resource that is not there
	featureCount
)

// revisions are the first and the last revision that have something; last "" means that it is still there.
type revisions struct{ first, last string }

// features says which revisions have what. Sources: the changelog page of each revision and its schema.
//
//nolint:gochecknoglobals // constant table
var features = [featureCount]revisions{
	Handshake:         {V20241105, V20251125},
	ServerQuestions:   {V20241105, V20251125},
	MultiRound:        {V20260728, ""},
	RequestMeta:       {V20260728, ""},
	HTTPSSE:           {V20241105, V20241105},
	StreamableHTTP:    {V20250326, ""},
	SessionIDs:        {V20250326, V20251125},
	Resumption:        {V20250326, V20251125},
	PrimingEvents:     {V20251125, V20251125},
	Batches:           {V20250326, V20250326},
	VersionHeader:     {V20250618, ""},
	MirroredHeaders:   {V20260728, ""},
	Audio:             {V20250326, ""},
	ResourceLinks:     {V20250618, ""},
	Structured:        {V20250618, ""},
	StructuredAny:     {V20260728, ""},
	ToolAnnotations:   {V20250326, ""},
	Titles:            {V20250618, ""},
	Icons:             {V20251125, ""},
	ToolExecution:     {V20251125, V20251125},
	Completions:       {V20250326, ""},
	CompletionContext: {V20250618, ""},
	ProgressMessages:  {V20250326, ""},
	SamplingTools:     {V20251125, ""},
	Elicitation:       {V20250618, ""},
	ElicitationModes:  {V20251125, ""},
	ElicitationIDs:    {V20251125, V20251125},
	ElicitationEnums:  {V20251125, ""},
	RootsListChanged:  {V20241105, V20251125},
	TasksCore:         {V20251125, V20251125},
	TasksExtension:    {V20260728, ""},
	ResultTypes:       {V20260728, ""},
	CacheHints:        {V20260728, ""},
	NotFoundCode:      {V20241105, V20251125},
}

// Has says whether a revision has f. A revision that we do not know has what the newest one before it has.
func Has(version string, f Feature) bool {
	if f >= featureCount {
		return false
	}
	r := features[f]
	if Modern(version) && !Known(version) {
		version = Newest
	}
	return version >= r.first && (r.last == "" || version <= r.last)
}
