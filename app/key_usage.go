package app

import (
	"context"

	"github.com/penstock/penstock/auth/keyusage"
)

// openKeyUsage opens the counters of calls by secret for keys that have two secrets. The API and the console show
// them.
func (p *Program) openKeyUsage(context.Context) (err error) {
	if p.keyUsage, err = keyusage.New(keyusage.Config{Redis: p.shared, Log: p.log}); err != nil {
		return err
	}
	p.add("key usage", p.keyUsage.Run)
	return nil
}
