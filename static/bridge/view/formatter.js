// Dates and the like in the reader's language.

/**
 * The `format` of what `make` returns. A browser takes milliseconds to make one: each is made in a task of its own, while
 * the page waits for its session anyway.
 */
export function formatter(make) {
  let made = null;
  const get = () => (made ??= make());
  setTimeout(get);
  return (...values) => get().format(...values);
}

export function dates(options) {
  return formatter(() => new Intl.DateTimeFormat(undefined, options));
}
