package lastuse

// keyUses is a hash: Unix seconds of the last use, by the name of the thing. TTL: keptFor after the last write.
func keyUses(kind Kind) string { return "penstock:last_use:" + string(kind) }
