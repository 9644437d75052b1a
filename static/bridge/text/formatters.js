// Formatters in the reader's language, made when the page has time for it.

/**
 * The `format` of what `make` returns. A browser takes milliseconds to make a formatter, so each is made in a task of its
 * own while the page waits for its session.
 */
export function lazyFormatter(make) {
  let formatter = null;
  const get = () => (formatter ??= make());
  setTimeout(get);
  return (...values) => get().format(...values);
}

export function dateFormatter(options) {
  return lazyFormatter(() => new Intl.DateTimeFormat(undefined, options));
}
