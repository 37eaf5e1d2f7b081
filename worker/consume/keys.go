package consume

import "strconv"

// keyLease is a STRING, the worker that consumes the messages of a flow alone. TTL: leaseTTL from its last renewal.
func keyLease(flow int64) string {
	return "penstock:{consume}:lease:" + strconv.FormatInt(flow, 10)
}
