package app

import (
	"context"

	"github.com/penstock/penstock/auth/rotation"
)

// openRotationMeter opens the counters of calls by secret for keys that have two secrets. The API and the console show
// them.
func (p *Program) openRotationMeter(context.Context) (err error) {
	if p.rotationMeter, err = rotation.New(rotation.Config{Redis: p.shared, Log: p.log}); err != nil {
		return err
	}
	p.add("rotation meter", p.rotationMeter.Run)
	return nil
}
