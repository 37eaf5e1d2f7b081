package worker

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
)

// decodeEvent decodes the event at the run's expense. The memory stays charged until settle is called, which must
// happen on every path.
func decodeEvent(ctx context.Context, account *budget.Account, content json.RawMessage) (event any, settle func(), err error) {
	if content == nil {
		return nil, func() {}, nil
	}
	var made atomic.Int64
	event, err = flows.DecodeJSONOn(budget.NewCharger(ctx, account, &made), content)
	return event, func() { account.Settle(&made) }, err
}

// eventError is the failure of a run whose event could not be decoded.
func eventError(account *budget.Account, err error) *flows.Error {
	var known *flows.Error
	switch {
	case account.Err() != nil:
		return &flows.Error{Code: flows.CodeLimit, Message: "event: " + account.Err().Error(), Err: err}
	case errors.As(err, &known):
		return &flows.Error{Code: known.Code, Message: "event: " + known.Message, Err: err}
	}
	return &flows.Error{Code: flows.CodeValidation, Message: "the event is not JSON: " + err.Error()}
}

// encodeOutput encodes the output at the run's expense.
func encodeOutput(ctx context.Context, account *budget.Account, output []any) ([]byte, error) {
	const small = 64 << 10 // bytes; below this, accounting costs more than it saves
	size := int64(0)
	for _, v := range output {
		if size += flows.SizeOf(v); size > small {
			var made atomic.Int64
			defer account.Settle(&made)
			return flows.EncodeJSONOn(budget.NewCharger(ctx, account, &made), output)
		}
	}
	return flows.EncodeJSON(output), nil
}
