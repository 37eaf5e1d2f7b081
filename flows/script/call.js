// Calls the script's function f with the members of input, a JSON object, and
// returns the items as JSON. Texts that begin with mark stand for integers
// that a number cannot hold. Methods that would ignore a locale refuse it. With
// now, a time in milliseconds, the script has this time and the same random
// numbers in every evaluation.
(function () {
  const { parse, stringify } = JSON;
  const { isArray } = Array;
  const { apply } = Reflect;
  const { includes, startsWith, slice } = String.prototype;
  const big = BigInt, promise = Promise, error = TypeError;

  // The engine knows no locales and no time zones: it would ignore them, and return what they do not mean.
  const refuseLocales = (type, name) => {
    const { prototype } = type, plain = prototype[name];
    prototype[name] = function refuseLocale(locale, options) {
      if (locale === undefined && options === undefined) return apply(plain, this, []);
      throw new error(name + " takes no locale and no options here");
    };
  };
  for (const name of ["toLocaleString", "toLocaleDateString", "toLocaleTimeString"]) refuseLocales(Date, name);
  refuseLocales(Number, "toLocaleString");
  refuseLocales(BigInt, "toLocaleString");

  const fix = (now) => {
    const date = Date, { construct } = Reflect;
    globalThis.Date = new Proxy(date, {
      construct: (target, args, made) => construct(target, args.length ? args : [now], made),
      apply: () => new date(now).toString(),
      get: (target, name) => (name === "now" ? () => now : target[name]),
    });
    let seed = 1;
    Math.random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  };

  return function callScript(f, input, mark, now) {
    if (now) fix(now);
    const marked = (v) => typeof v === "string" && apply(startsWith, v, [mark]);
    const revive = (_, v) => (marked(v) ? big(apply(slice, v, [mark.length])) : v);
    const replace = (_, v) => (typeof v === "bigint" ? mark + v : v);
    const { item, event, steps, vars, index } = parse(input, apply(includes, input, [mark]) ? revive : undefined);

    const out = f(item, event, steps, vars, index);
    if (out === undefined) return "[]";
    if (out instanceof promise) throw new error("a script returns its items, not a promise of them");
    if (typeof out === "function" || typeof out === "symbol") throw new error("a script returns its items, not a " + typeof out);
    return stringify(isArray(out) ? out : [out], replace);
  };
})();
