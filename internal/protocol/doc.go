// Package protocol knows the revisions of MCP: which methods and features each has, how capabilities and
// headers are written, which HTTP status an error has, and how a message of one revision becomes one of
// another. It is pure: bytes in, bytes out, and every byte that need not change stays.
//
// Not for: carrying messages (backend, gateway), scanning them (wire), or deciding when to convert (gateway).
//
// One flow: a client's request goes through RequestFor or RequestToModern to the Server; the Server's
// questions go through QuestionFor to the client, and the answers through AnswerFor back (or as a result that
// asks for input, InputRequired, and a retry, ReadInputResponses); the result goes through Downgrade or
// ModernizeResult, an error through ErrorFor. All of them ask Has what a revision has.
package protocol
