/** Style sheets are imported for their effect: the bundler joins them into the page's own. */
declare module '*.css';
