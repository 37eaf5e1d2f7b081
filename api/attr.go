package api

// The attribute keys of log lines. The line of a request never contains a query string, a request header or a body,
// because these may contain secrets.
const (
	attrRequest   = "request_id"
	attrMethod    = "method"
	attrRoute     = "route"
	attrStatus    = "status"
	attrIn        = "bytes_in"
	attrOut       = "bytes_out"
	attrDuration  = "duration_ms" // with three decimals
	attrIP        = "ip"
	attrPrincipal = "principal"
	attrFlow      = "flow"
	attrRun       = "run_id"
	attrAttached  = "attached"
	attrFault     = "fault"
	attrError     = "error"
	attrStack     = "stack"
)
