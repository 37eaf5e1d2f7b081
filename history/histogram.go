package history

import (
	"math"
	"time"
)

// base is the ratio of the bounds of a bucket. The middle of a bucket differs from each of its values by at most
// (base-1)/(base+1), which is 4.8 %.
const base = 1.1

var logBase = math.Log(base)

// maxHistogram is the longest time that a histogram tells apart from longer ones.
const maxHistogram = 10 * 365 * 24 * time.Hour

// maxBucket is more than the last bucket.
const maxBucket = 400

// histogram counts times in buckets whose bounds are powers of base, in microseconds. The zero value is empty.
type histogram struct {
	First  int // the bucket of the first count: bucket i has the times from base^(i-1), exclusive, to base^i
	Counts []int64
}

func bucketOf(us int64) int {
	return int(math.Ceil(math.Log(float64(min(max(us, 1), maxHistogram.Microseconds()))) / logBase))
}

// observe counts a time in microseconds.
func (h *histogram) observe(us int64) { h.add(bucketOf(us), 1) }

// add adds to the count of a bucket.
func (h *histogram) add(bucket int, n int64) {
	switch missing := h.First - bucket; {
	case len(h.Counts) == 0:
		h.First = bucket
	case missing > 0:
		h.Counts = append(make([]int64, missing), h.Counts...)
		h.First = bucket
	}
	for len(h.Counts) <= bucket-h.First {
		h.Counts = append(h.Counts, 0)
	}
	h.Counts[bucket-h.First] += n
}

// merge adds the counts of another histogram.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.Counts {
		if n > 0 {
			h.add(other.First+i, n)
		}
	}
}

// total returns the number of times.
func (h *histogram) total() (n int64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// percentile returns the p-th percentile (nearest rank) with a relative error of at most 5 %; zero when there is none.
func (h *histogram) percentile(p float64) time.Duration {
	rank := int64(math.Ceil(float64(h.total()) * p / 100))
	for i, n := range h.Counts {
		if rank -= n; n > 0 && rank <= 0 {
			return micros(math.Pow(base, float64(h.First+i)) * 2 / (1 + base))
		}
	}
	return 0
}

// longest returns a bound of the longest time, at most 10 % above it; zero when there is none.
func (h *histogram) longest() time.Duration {
	if len(h.Counts) == 0 {
		return 0
	}
	return micros(math.Pow(base, float64(h.First+len(h.Counts)-1)))
}

func micros(us float64) time.Duration { return time.Duration(us * float64(time.Microsecond)) }
