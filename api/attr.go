package api

// The attribute keys of log lines. The line of a request never holds a query
// string, a header of the caller's or a body: secrets travel there.
const (
	attrRequest   = "request_id"
	attrMethod    = "method"
	attrRoute     = "route"
	attrStatus    = "status"
	attrIn        = "bytes_in"
	attrOut       = "bytes_out"
	attrDuration  = "duration_ms" // to the microsecond
	attrIP        = "ip"
	attrPrincipal = "principal"
	attrFlow      = "flow"
	attrRun       = "run_id"
	attrAttached  = "attached"
	attrFault     = "fault"
	attrError     = "error"
	attrStack     = "stack"
)
