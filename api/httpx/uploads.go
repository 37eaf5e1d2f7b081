package httpx

import "sync"

// Uploads counts the bodies with files that are being received, so that their number is bounded, and no network can take all
// places. Safe for concurrent use.
type Uploads struct {
	most int

	mu        sync.Mutex // guards the fields below
	all       int
	byNetwork map[string]int
}

// NewUploads returns an Uploads for most bodies at once; a network has a quarter of the places, rounded up.
func NewUploads(most int) *Uploads { return &Uploads{most: most, byNetwork: map[string]int{}} }

// enter takes a place; false: there is none.
func (u *Uploads) enter(network string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all >= u.most || u.byNetwork[network] >= (u.most+3)/4 {
		return false
	}
	u.all++
	u.byNetwork[network]++
	return true
}

func (u *Uploads) leave(network string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all--
	if u.byNetwork[network]--; u.byNetwork[network] == 0 {
		delete(u.byNetwork, network)
	}
}
