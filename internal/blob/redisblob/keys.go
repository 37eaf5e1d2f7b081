package redisblob

import "strconv"

// The keys of one owner have the hash tag {owner}, those of all owners the hash tag {blobs}.

// blobs is a HASH of the owner's blobs to their sizes in bytes; "" while a blob is being written. TTL: lifetime.
func blobs(owner string) string { return "penstock:blob:{" + owner + "}" }

// chunk is a STRING with the bytes of a blob from n * blob.Chunk. TTL: lifetime.
func chunk(owner, id string, n int64) string {
	return blobs(owner) + ":" + id + ":" + strconv.FormatInt(n, 10)
}

const (
	owners = "penstock:{blobs}:owners" // ZSET, see lua/reserve.lua. TTL: none; an owner leaves it when it is deleted
	sizes  = "penstock:{blobs}:bytes"  // HASH, likewise
)
