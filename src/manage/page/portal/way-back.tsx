/**
 * The link that leads from the portal back to the provider's site.
 */

/** The link; nothing without an address. */
export function BackLink({ returnUrl, isButton }: { returnUrl: string; isButton?: boolean }) {
  if (returnUrl === '') return null;
  return (
    <a href={returnUrl} class={isButton ? 'button' : undefined}>
      Back to {new URL(returnUrl).host}
    </a>
  );
}
